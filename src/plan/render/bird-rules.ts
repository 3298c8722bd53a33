import {
  alwaysOriginators,
  degradedByFilter,
  degradedPreference,
  originators,
} from '../../manifest/announcements.ts'
import type { Community } from '../../net/community.ts'
import type { Family } from '../../net/prefix.ts'
import type { PrefixRange } from '../../net/prefix-range.ts'
import type { SessionPlan } from '../compile/plan.ts'
import { once } from '../policy/once.ts'
import type { AsnRange, Change, Condition, Policy, Rule } from '../policy/policy.ts'
import type { RuleLists } from './rule-lists.ts'

/** Longer ones get a name. */
const longestInline = 4

export const roaTables: Readonly<Record<Family, { readonly live: string; readonly lastGood: string }>> = {
  ipv4: { live: 'aw_roa4', lastGood: 'aw_last4' },
  ipv6: { live: 'aw_roa6', lastGood: 'aw_last6' },
}

interface BirdDialect {
  /** A function returns a verdict, and a filter ends with it. */
  readonly inFunction: boolean
  readonly hasLastGood: boolean
}

/** What evaluates a rule that is not a statement of the filter; `null`: it is one. */
function remarkOf(rule: Rule, { inFunction }: BirdDialect): string | null {
  const needsOption = rule.match.some(({ type }) => type === 'path-has-set')
  if (needsOption && inFunction) return 'needs `allow as sets no` in your protocol'
  return rule.native || needsOption ? 'done by BIRD itself' : null
}

/** The rules in BIRD's filter language: of each a comment, and a statement unless BIRD does it itself. */
export function birdRules(
  session: SessionPlan,
  policy: Policy,
  lists: RuleLists<readonly string[]>,
  dialect: BirdDialect,
): string[] {
  return policy.rules.flatMap((rule) => {
    const remark = remarkOf(rule, dialect)
    const comment = `# ${commentOf(rule, remark)}`
    if (remark !== null) return [comment]
    // A symbol of BIRD has at most 64 characters: too few for a neighbor, a rule and a service.
    const setOf = (members: readonly string[]) =>
      members.length > longestInline && rule.of === null
        ? lists.name(session, policy, rule, members)
        : `[ ${members.join(', ')} ]`
    const conditions = rule.match.map((condition) => print(condition, policy, setOf, dialect.hasLastGood))
    const statement = printAction(rule, dialect)
    return [comment, conditions.length === 0 ? statement : `if ${conditions.join(' && ')} then ${statement}`]
  })
}

/** `path-length: why (source)`. */
export function commentOf({ id, why, source }: Rule, remark: string | null): string {
  const where = source !== null && remark !== null ? `${source}; ${remark}` : (source ?? remark)
  return where === null ? `${id}: ${why}` : `${id}: ${why} (${where})`
}

function print(
  condition: Condition,
  { family, ourAsn }: Policy,
  setOf: (members: readonly string[]) => string,
  hasLastGood: boolean,
): string {
  switch (condition.type) {
    case 'prefix':
      return condition.in.length === 0 ? 'false' : `net ~ ${setOf(printRanges(condition.in))}`
    case 'prefix-not':
      return condition.in.length === 0 ? 'true' : `net !~ ${setOf(printRanges(condition.in))}`
    case 'path-longer':
      return `bgp_path.len > ${condition.than}`
    case 'path-contains':
      return `bgp_path ~ ${setOf(printAllAsns(condition.asns))}`
    case 'path-empty':
      return 'bgp_path.len = 0'
    case 'path-has-set':
      throw new TypeError('AS_SETs are refused by the session, not by its filter')
    case 'first-asn-not':
      return `bgp_path.first != ${condition.asn}`
    case 'next-hop':
      return `bgp_next_hop = ${condition.address}`
    case 'next-hop-not':
      return `bgp_next_hop != ${condition.address}`
    case 'next-hop-not-link-local':
      // bgp_next_hop is :: for every link-local address. The gateway is the global next hop where there is one.
      return `gw != ${condition.neighbor ?? 'from'}`
    case 'validation': {
      const origin = condition.origin === 'ours' ? String(ourAsn) : 'bgp_path.last'
      const { live, lastGood } = roaTables[family]
      const is = (table: string, state: string) => `roa_check(${table}, net, ${origin}) = ROA_${state}`
      if (condition.state === 'not-found') {
        const nowhere = is(live, 'UNKNOWN')
        return hasLastGood ? `${nowhere} && ${is(lastGood, 'UNKNOWN')}` : nowhere
      }
      // The last good set counts only for prefixes that the live set does not cover, as when no cache answers.
      return hasLastGood
        ? `(${is(live, 'INVALID')} || (${is(live, 'UNKNOWN')} && ${is(lastGood, 'INVALID')}))`
        : is(live, 'INVALID')
    }
    case 'community':
      return `${printCommunity(condition.community)} ~ ${birdAttributes[condition.community.type]}`
    case 'otc-not':
      throw new TypeError('BIRD evaluates ONLY_TO_CUSTOMER itself')
    case 'learned':
      return [originators, ...(condition.always ? [alwaysOriginators] : [])]
        .map((names) => `proto != "${names[family]}"`)
        .join(' && ')
    case 'degraded':
      return `preference = ${degradedPreference}`
  }
}

function printAction({ id, action }: Rule, { inFunction }: BirdDialect): string {
  if (action.type !== 'set') {
    return inFunction ? `return ${action.type === 'accept'};` : `${action.type};`
  }
  const mark = inFunction && id === 'degraded' ? [`preference = ${degradedByFilter};`] : []
  const ours = action.changes.flatMap((change) =>
    change.type === 'remove-large-communities' ? [`(${change.asn}, *, *)`] : [],
  )
  const remove = ours.length === 0 ? [] : [`bgp_large_community.delete([ ${ours.join(', ')} ]);`]
  const statements = [...remove, ...action.changes.flatMap(printChange), ...mark]
  return statements.length === 1 ? statements[0]! : `{ ${statements.join(' ')} }`
}

function printChange(change: Change): string[] {
  switch (change.type) {
    case 'local-pref':
      return [`bgp_local_pref = ${change.value};`]
    case 'med':
      return [`bgp_med = ${change.value};`]
    case 'prepend':
      return Array<string>(change.times).fill(`bgp_path.prepend(${change.asn});`)
    case 'add-communities':
      return change.communities.map(
        (community) => `${birdAttributes[community.type]}.add(${printCommunity(community)});`,
      )
    case 'remove-extended-communities':
      return ['bgp_ext_community.empty;']
    case 'remove-large-communities':
      return []
    case 'mark-only-to-customer':
      throw new TypeError('BIRD sets ONLY_TO_CUSTOMER itself')
  }
}

const birdAttributes: Readonly<Record<Community['type'], string>> = {
  standard: 'bgp_community',
  large: 'bgp_large_community',
  extended: 'bgp_ext_community',
}

/** `(64500, 100)`, `(rt, 64500, 100)`. */
function printCommunity({ sort, parts }: Community): string {
  return `(${[...(sort === null ? [] : [sort]), ...parts].join(', ')})`
}

/** `10.0.0.0/8+`, `192.0.2.0/24`, `0.0.0.0/0{8,24}`. */
function printRange({ prefix, minLength, maxLength }: PrefixRange): string {
  if (minLength === prefix.length && maxLength === prefix.length) return String(prefix)
  if (minLength === prefix.length && maxLength === (prefix.family === 'ipv4' ? 32 : 128)) return `${prefix}+`
  return `${prefix}{${minLength},${maxLength}}`
}

const printRanges = once((ranges: readonly PrefixRange[]) => ranges.map(printRange))
const printAllAsns = once((ranges: readonly AsnRange[]) => ranges.map(printAsns))

function printAsns({ first, last }: AsnRange): string {
  return first === last ? String(first) : `${first}..${last}`
}
