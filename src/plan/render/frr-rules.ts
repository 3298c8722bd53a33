import { frrDegraded } from '../../manifest/announcements.ts'
import type { Community } from '../../net/community.ts'
import type { SessionPlan } from '../compile/plan.ts'
import { once } from '../policy/once.ts'
import type { AsnRange, Change, Condition, Policy, Rule } from '../policy/policy.ts'
import { learnedInsideMark } from '../policy/shared-rules.ts'
import { patternOf } from './asn-pattern.ts'
import { commentOf } from './bird-rules.ts'
import { commands, divideRule, type FrrList, isPrefixCondition, prefixListOf } from './frr-prefix-lists.ts'
import type { RuleLists } from './rule-lists.ts'

/** One entry of a route-map. */
interface FrrEntry {
  readonly comment: string
  readonly action: 'permit' | 'deny'
  readonly seq: number
  readonly settings: string
}

/** Numbered by tens, so that an engineer can insert a temporary entry. */
const seqStep = 10

export function frrEntries(
  session: SessionPlan,
  policy: Policy,
  lists: RuleLists<FrrList>,
  hasLastGood: boolean,
): FrrEntry[] {
  let seq = 0
  return policy.rules.flatMap((rule): FrrEntry[] => {
    seq += seqStep
    if (rule.native) return []
    if (rule.id === 'rpki-invalid' && hasLastGood) return refuseUnknown(rule, seq)
    if (rule.id === 'own-origin-invalid' && policy.ourAsn !== policy.nodeAsn) {
      return validateAs(policy.ourAsn, rule, seq)
    }
    const [condition] = rule.match
    const nameIn = (part: number | null) => (list: FrrList) =>
      lists.name(session, policy, rule, list, list.command, part)
    const name = nameIn(null)
    if (condition?.type === 'next-hop-not' || condition?.type === 'next-hop-not-link-local') {
      return refuseOtherNextHops(rule, condition, policy, seq, name)
    }
    const entries = divideRule(rule).flatMap(({ goesOn, match }, index, parts): FrrEntry[] => {
      return printMatches(match, policy, parts.length === 1 ? name : nameIn(index + 1)).map(
        (lines, alternative) => ({
          comment: commentOf(rule, goesOn ? `exceptions, part ${index + 1}: next rule` : null),
          action: !goesOn && rule.action.type === 'reject' ? 'deny' : 'permit',
          seq: seq + index + alternative,
          settings: goesOn
            ? settingsOf(rule, ...lines, `on-match goto ${nextTen(seq + parts.length - 1)}`)
            : settingsOf(rule, ...lines, ...printChanges(rule, name)),
        }),
      )
    })
    seq = nextTen(entries.at(-1)!.seq) - seqStep
    return entries
  })
}

const nextTen = (seq: number) => (Math.floor(seq / seqStep) + 1) * seqStep

/**
 * For some seconds after a start bgpd has no state for any route, and `match rpki invalid` accepts all of them.
 * So routes with a known state other than invalid continue at the next rule, and all others are refused.
 */
function refuseUnknown(rule: Rule, seq: number): FrrEntry[] {
  const next = `on-match goto ${seq + seqStep}`
  const known = (state: string, part: number): FrrEntry => ({
    comment: commentOf(rule, `${state}: next rule`),
    action: 'permit',
    seq: seq + part,
    settings: settingsOf(rule, `match rpki ${state}`, next),
  })
  const comment = commentOf(rule, 'not yet known: refused')
  return [
    known('valid', 0),
    known('notfound', 1),
    { comment, action: 'deny', seq: seq + 2, settings: settingsOf(rule) },
  ]
}

/** bgpd validates a route of its own as one of the node's AS, so the path gets the session's number meanwhile. */
function validateAs(asn: number, rule: Rule, seq: number): FrrEntry[] {
  const step = (remark: string, command: string, part: number): FrrEntry => ({
    comment: commentOf(rule, remark),
    action: 'permit',
    seq: seq + part,
    settings: settingsOf(rule, command, 'on-match next'),
  })
  return [
    step(`as AS${asn}`, `set as-path prepend ${asn}`, 0),
    {
      comment: commentOf(rule, null),
      action: 'deny',
      seq: seq + 1,
      settings: settingsOf(rule, 'match rpki invalid'),
    },
    step('the path as it was', `set as-path exclude ${asn}`, 2),
  ]
}

function settingsOf({ id }: Rule, ...lines: readonly string[]): string {
  return [`description ${id}`, ...lines].join('\n ')
}

/**
 * Of two IPv6 next hops (RFC 2545, section 3) a `match ipv6 next-hop` holds if either of them is meant, and bgpd sends
 * packets to the link-local one unless a route-map says otherwise.
 */
function refuseOtherNextHops(
  rule: Rule,
  condition: Extract<Condition, { type: 'next-hop-not' | 'next-hop-not-link-local' }>,
  { family }: Policy,
  seq: number,
  name: (list: FrrList) => string,
): FrrEntry[] {
  const next = `on-match goto ${seq + seqStep}`
  const refused = (remark: string, part: number, ...lines: readonly string[]): FrrEntry => ({
    comment: commentOf(rule, remark),
    action: 'deny',
    seq: seq + part,
    settings: settingsOf(rule, ...lines),
  })
  const own = (part: number, ...lines: readonly string[]): FrrEntry => ({
    comment: commentOf(rule, 'its own: next rule'),
    action: 'permit',
    seq: seq + part,
    settings: settingsOf(rule, ...lines, next),
  })
  if (condition.type === 'next-hop-not') {
    const { address } = condition
    const match = `match ${commands[address.family]} next-hop address ${address}`
    const follows = address.family === 'ipv6' ? ['set ipv6 next-hop prefer-global'] : []
    return [own(0, match, ...follows), refused('any other: refused', 1)]
  }
  const { neighbor } = condition
  // The neighbor, also where a second next hop is another router's.
  const follow = 'set ipv6 next-hop peer-address'
  // No list matches the IPv6 next hop of an IPv4 route. Its IPv4 next hop is 0.0.0.0 then.
  if (family === 'ipv4') {
    const match =
      neighbor === null ? 'match ip next-hop address 0.0.0.0' : `match ipv6 next-hop address ${neighbor}`
    return [own(0, match, follow), refused('any other: refused', 1)]
  }
  const list = name({
    command: 'ipv6 prefix-list',
    // BIRD sends `::` beside its link-local address.
    entries: [
      `deny ${neighbor === null ? 'fe80::/10 le 128' : `${neighbor}/128`}`,
      'deny ::/128',
      'permit ::/0 le 128',
    ],
  })
  const other = refused('another beside it: refused', 0, `match ipv6 next-hop prefix-list ${list}`)
  if (neighbor === null) return [other, own(1, follow)]
  return [other, own(1, `match ipv6 next-hop address ${neighbor}`, follow), refused('any other: refused', 2)]
}

/** One or more alternatives, each with all its lines: an entry of a route-map holds where all of its lines do. */
function printMatches(
  conditions: readonly Condition[],
  policy: Policy,
  name: (list: FrrList) => string,
): string[][] {
  if (conditions.length === 0) return [[]]
  if (conditions.every(isPrefixCondition)) {
    const command = commands[policy.family]
    const list = name(prefixListOf[policy.family](conditions))
    return [[`match ${command} address prefix-list ${list}`]]
  }
  if (conditions.length > 1) throw new TypeError('a route-map entry has at most one list of a kind')
  return printMatch(conditions[0]!, policy, name)
}

function printMatch(condition: Condition, { nodeAsn }: Policy, name: (list: FrrList) => string): string[][] {
  const asPath = (...entries: string[]) => [
    `match as-path ${name({ command: 'bgp as-path access-list', entries })}`,
  ]
  switch (condition.type) {
    case 'path-longer':
      return [asPath(`permit ^([^ ]+ ){${condition.than}}`)]
    case 'path-contains':
      return [asPath(...permitAny(condition.asns))]
    case 'path-empty':
      return [asPath('permit ^$')]
    case 'path-has-set':
      return [asPath('permit [{]')]
    case 'first-asn-not':
      return [asPath(`deny ^${condition.asn}_`, 'permit .*')]
    case 'validation':
      return [[`match rpki ${condition.state === 'invalid' ? 'invalid' : 'notfound'}`]]
    case 'community': {
      const { community } = condition
      const sort = listSorts[community.type]
      const list = name({
        command: `bgp ${sort}-list standard`,
        entries: [`permit ${printCommunity(community)}`],
      })
      return [[`match ${sort} ${list}`]]
    }
    case 'learned': {
      // Routes from iBGP have an empty path too, so they are marked on import.
      const inside = {
        command: 'bgp large-community-list standard',
        entries: [`permit ${learnedInsideMark(nodeAsn)}`],
      }
      return [asPath('deny ^$', 'permit .*'), [`match large-community ${name(inside)}`]]
    }
    case 'degraded':
      return [[`match tag ${frrDegraded.tag}`]]
    case 'next-hop':
      throw new TypeError('FRR refuses its own address as a next hop itself')
    case 'next-hop-not':
    case 'next-hop-not-link-local':
      throw new TypeError('a next hop condition has two entries of its own')
    case 'otc-not':
      throw new TypeError('FRR evaluates ONLY_TO_CUSTOMER itself')
    case 'prefix':
    case 'prefix-not':
      throw new TypeError('prefix conditions are one list')
  }
}

function printChanges({ id, action }: Rule, name: (list: FrrList) => string): string[] {
  if (action.type !== 'set') return []
  const mark = id === 'degraded' ? [`set weight ${frrDegraded.weight}`] : []
  // An entry of a route-map has one list of communities to remove.
  const removed = action.changes.flatMap((change) =>
    change.type === 'remove-large-communities' ? [`permit ^${change.asn}:[0-9]+:[0-9]+$`] : [],
  )
  const remove =
    removed.length === 0
      ? []
      : [
          `set large-comm-list ${name({ command: 'bgp large-community-list expanded', entries: removed })} delete`,
        ]
  return [...remove, ...action.changes.flatMap(printChange), ...mark, 'on-match next']
}

function printChange(change: Change): string[] {
  switch (change.type) {
    case 'local-pref':
      return [`set local-preference ${change.value}`]
    case 'med':
      return [`set metric ${change.value}`]
    case 'prepend':
      return [`set as-path prepend ${Array(change.times).fill(change.asn).join(' ')}`]
    case 'add-communities': {
      const of = (type: string) => change.communities.filter((community) => community.type === type).join(' ')
      const standard = of('standard')
      const large = of('large')
      const extended = (['rt', 'ro'] as const).map((sort) =>
        change.communities.filter((community) => community.sort === sort),
      )
      return [
        ...(standard === '' ? [] : [`set community ${standard} additive`]),
        ...(large === '' ? [] : [`set large-community ${large} additive`]),
        // Added to those of the route without a word for it.
        ...extended.flatMap(([first, ...others]) =>
          first === undefined
            ? []
            : [
                `set extcommunity ${[printCommunity(first), ...others.map(({ parts }) => parts.join(':'))].join(' ')}`,
              ],
        ),
      ]
    }
    case 'remove-large-communities':
      return []
    case 'remove-extended-communities':
      return ['set extcommunity none']
    case 'mark-only-to-customer':
      throw new TypeError('FRR sets ONLY_TO_CUSTOMER itself')
  }
}

const listSorts: Readonly<Record<Community['type'], string>> = {
  standard: 'community',
  large: 'large-community',
  extended: 'extcommunity',
}
const frrSorts = { rt: 'rt', ro: 'soo' } as const

/** `64500:100`, `rt 64500:100`. */
function printCommunity({ sort, parts }: Community): string {
  return sort === null ? parts.join(':') : `${frrSorts[sort]} ${parts.join(':')}`
}

const permitAny = once((ranges: readonly AsnRange[]) => ranges.map((asns) => `permit _(${patternOf(asns)})_`))
