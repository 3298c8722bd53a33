import { bogons } from '../net/bogons.ts'
import { Community, wellKnownCommunities } from '../net/community.ts'
import { type Family, type Prefix, parsePrefix } from '../net/prefix.ts'
import { exactly, orLonger, type PrefixRange } from '../net/prefix-range.ts'
import { importLimits, type Neighbor, type RoleWord, type Rpki } from '../sites/fleet.ts'
import { bogonAsns, tier1Asns, withoutAsn } from './asn-ranges.ts'
import { type KindPolicy, kindPolicies } from './kinds.ts'
import type { Action, Change, Condition, Policy, Rule } from './policy.ts'
import { exportRules, importRules, type RuleId } from './rules.ts'

/** What the rules for one neighbor are made of. */
export interface PolicyInput {
  readonly ourAsn: number
  /** Everything that the fleet originates, of the session's family. */
  readonly ownPrefixes: readonly Prefix[]
  /** What this neighbor may be told, of the session's family. */
  readonly exports: readonly Prefix[]
  readonly bogonsAllowed: readonly Prefix[]
  readonly rpki: Rpki | null
  /** Put on everything that leaves the AS. */
  readonly communities: readonly Community[]
  /** What the IRR lets this neighbor tell us; `null`: not asked. An empty list lets nothing in. */
  readonly irr: readonly PrefixRange[] | null
  readonly neighbor: Neighbor
}

/** Longer than any path that was meant (RFC 7454, section 9); tens of times prepended ones are cut off here. */
const longestPath = 64
/** Beyond what the rules let out: a second lock. */
const spareExports = 5

/** Our side's role in a session with this neighbor (RFC 9234), or `null`. */
export function roleOf(neighbor: Neighbor): RoleWord | null {
  return neighbor.role === 'none' ? null : (neighbor.role ?? kindPolicies[neighbor.kind].role)
}

/** Whether routes of this neighbor are validated (RFC 6811). */
export function isValidated({ neighbor, rpki }: Pick<PolicyInput, 'neighbor' | 'rpki'>): boolean {
  return rpki !== null && neighbor.import === 'full' && kindPolicies[neighbor.kind].validated
}

/** The large community on what our other nodes told us, so that it is not told on as our own. */
export function learnedInsideMark(ourAsn: number): Community {
  return new Community([ourAsn, 0, 1])
}

/** What is taken from a neighbor. */
export function compileImport(input: PolicyInput): Policy {
  const { neighbor } = input
  const family = neighbor.address.family
  const rules = [...importMatches(input, kindPolicies[neighbor.kind], family)]
  return finish(input, 'import', rules, neighbor.limit ?? defaultLimit(neighbor, family))
}

/** What a neighbor is told. */
export function compileExport(input: PolicyInput): Policy {
  return finish(input, 'export', [...exportMatches(input)], input.exports.length + spareExports)
}

function* importMatches(input: PolicyInput, kind: KindPolicy, family: Family): Generator<Rule> {
  const { neighbor, ourAsn } = input
  const { tighten } = neighbor
  const role = roleOf(neighbor)
  if (neighbor.import === 'nothing') {
    yield reject('import-nothing')
    return
  }
  yield { ...reject('as-loop', { type: 'path-contains', asns: [only(ourAsn)] }), native: true }
  if (neighbor.import === 'default-only') {
    yield reject('default-only', { type: 'prefix-not', in: [exactly(everything[family])] })
  }
  if (neighbor.import === 'own-prefixes') {
    yield reject('own-prefixes-only', { type: 'prefix-not', in: input.ownPrefixes.map(exactly) })
  }
  if (neighbor.import === 'full') {
    const own = input.ownPrefixes.filter(
      (prefix) => !input.ownPrefixes.some((other) => other !== prefix && other.contains(prefix)),
    )
    yield reject('martian-prefix', { type: 'prefix', in: martians[family].map(orLonger) })
    if (own.length > 0) yield reject('own-prefix', { type: 'prefix', in: own.map(orLonger) })
    yield reject('bogon-prefix', ...bogonConditions(input.bogonsAllowed, family))
    if (family === 'ipv6') {
      yield reject('global-unicast', { type: 'prefix-not', in: [orLonger(globalUnicast)] })
    }
    yield reject('prefix-length', { type: 'prefix-not', in: [publicLengths[family]] })
  }
  if (!kind.internal) {
    // FRR takes an empty path for one of ours: it validates it with our own number.
    yield reject('empty-path', { type: 'path-empty' })
    yield reject('as-zero', { type: 'path-contains', asns: [only(0)] })
    yield reject('path-length', { type: 'path-longer', than: tighten.pathLength ?? longestPath })
    yield reject('as-set', { type: 'path-has-set' })
    if (kind.checksFirstAs) yield reject('first-as', { type: 'first-asn-not', asn: neighbor.asn })
    if (kind.checksBogons) {
      // A neighbor with a private number is one that the engineer wrote down.
      yield reject('bogon-asn', { type: 'path-contains', asns: withoutAsn(bogonAsns, neighbor.asn) })
    }
    if (kind.refusesTier1) {
      const asns = tier1Asns.filter((asn) => asn !== neighbor.asn).map(only)
      yield reject('tier-1-leak', { type: 'path-contains', asns })
    }
    if (neighbor.localAddress !== null) {
      const condition: Condition = { type: 'next-hop', address: neighbor.localAddress }
      yield { ...reject('own-next-hop', condition), native: true }
    }
    if (kind.checksNextHop) yield reject('next-hop', { type: 'next-hop-not', address: neighbor.address })
    if (role === 'peer') {
      yield { ...reject('role-leak', { type: 'otc-not', asn: neighbor.asn }), native: true }
    }
    if (role === 'provider' || role === 'rs-server') {
      yield { ...reject('role-leak', { type: 'otc-not', asn: null }), native: true }
    }
  }
  if (tighten.rejectPrefixes.length > 0) {
    yield reject('denied-prefix', { type: 'prefix', in: tighten.rejectPrefixes })
  }
  if (tighten.rejectAsns.length > 0) {
    yield reject('denied-asn', { type: 'path-contains', asns: tighten.rejectAsns.map(only) })
  }
  if (tighten.onlyPrefixes !== null) {
    yield reject('only-prefixes', { type: 'prefix-not', in: tighten.onlyPrefixes })
  }
  if (input.irr !== null) yield reject('irr', { type: 'prefix-not', in: input.irr })
  if (isValidated(input)) {
    if (input.rpki?.invalid === 'reject') {
      yield reject('rpki-invalid', { type: 'validation', state: 'invalid', origin: 'path' })
    }
    if (tighten.notFound === 'reject') {
      yield reject('rpki-not-found', { type: 'validation', state: 'not-found', origin: 'path' })
    }
  }
  if (neighbor.import === 'own-prefixes') {
    const communities = [learnedInsideMark(ourAsn)]
    yield change('learned-inside', [], { type: 'add-communities', communities })
  }
  if (!kind.internal) {
    yield change('scrub-communities', [], { type: 'remove-large-communities', asn: ourAsn })
    if (role === 'customer' || role === 'peer' || role === 'rs-client') {
      const mark = change('only-to-customer', [], { type: 'mark-only-to-customer', asn: neighbor.asn })
      yield { ...mark, native: true }
    }
    const community = wellKnownCommunities.get('graceful-shutdown')!
    yield change('graceful-shutdown', [{ type: 'community', community }], { type: 'local-pref', value: 0 })
  }
  yield accept('import-rest')
}

function* exportMatches(input: PolicyInput): Generator<Rule> {
  const { neighbor, ourAsn, exports } = input
  const kind = kindPolicies[neighbor.kind]
  const family = neighbor.address.family
  const role = roleOf(neighbor)
  if (exports.length > 0) {
    yield reject('learned-route', { type: 'learned' })
    if (!(neighbor.hostRoutes ?? kind.exportsHosts)) {
      yield reject('host-route', { type: 'prefix', in: [hostRoutes[family]] })
    }
    if (kind.validated && input.rpki?.invalid === 'reject') {
      yield reject('own-origin-invalid', { type: 'validation', state: 'invalid', origin: 'ours' })
    }
    const communities = [...(kind.internal ? [] : input.communities), ...neighbor.communities]
    if (communities.length > 0) yield change('our-communities', [], { type: 'add-communities', communities })
    if (kind.noExport) {
      const noExport = wellKnownCommunities.get('no-export')!
      yield change('no-export', [], { type: 'add-communities', communities: [noExport] })
    }
    if (!kind.internal && (role === 'provider' || role === 'peer' || role === 'rs-server')) {
      const mark = change('mark-for-customers', [], { type: 'mark-only-to-customer', asn: ourAsn })
      yield { ...mark, native: true }
    }
    yield accept('own-prefixes', { type: 'prefix', in: exports.map(exactly) })
  }
  yield reject('default-deny')
}

function finish(
  input: PolicyInput,
  direction: Policy['direction'],
  all: readonly Rule[],
  limit: number,
): Policy {
  const { kind, asn, address } = input.neighbor
  const relax = new Set<RuleId>(input.neighbor.relax)
  return {
    direction,
    kind,
    family: address.family,
    ourAsn: input.ourAsn,
    neighborAsn: asn,
    rules: all.filter(({ id }) => !relax.has(id)),
    limit,
    relaxed: all.filter(({ id }) => relax.has(id)),
  }
}

function defaultLimit({ kind, import: taken }: Neighbor, family: Family): number {
  return taken === 'full' ? importLimits[kind][family] : 10
}

const everything: Readonly<Record<Family, Prefix>> = { ipv4: prefix('0.0.0.0/0'), ipv6: prefix('::/0') }
const globalUnicast = prefix('2000::/3')
/** What the daemons refuse by themselves, each a bit of it: here all of it by both, and nothing can let it in. */
const martians: Readonly<Record<Family, readonly Prefix[]>> = {
  ipv4: ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3'].map(prefix),
  ipv6: ['::/32', 'fe80::/9', 'ff00::/8'].map(prefix),
}
const publicLengths: Readonly<Record<Family, PrefixRange>> = {
  ipv4: { prefix: everything.ipv4, minLength: 8, maxLength: 24 },
  ipv6: { prefix: everything.ipv6, minLength: 12, maxLength: 48 },
}
const hostRoutes: Readonly<Record<Family, PrefixRange>> = {
  ipv4: { prefix: everything.ipv4, minLength: 32, maxLength: 32 },
  ipv6: { prefix: everything.ipv6, minLength: 128, maxLength: 128 },
}

function bogonConditions(allowed: readonly Prefix[], family: Family): Condition[] {
  const refused = bogons
    .map((bogon) => bogon.prefix)
    .filter((range) => range.family === family && !allowed.some((prefix) => prefix.contains(range)))
  const holes = allowed.filter((prefix) => refused.some((range) => range.contains(prefix)))
  const inside: Condition = { type: 'prefix', in: refused.map(orLonger) }
  return holes.length === 0 ? [inside] : [inside, { type: 'prefix-not', in: holes.map(orLonger) }]
}

function reject(id: RuleId, ...match: Condition[]): Rule {
  return rule(id, match, { type: 'reject' })
}

function accept(id: RuleId, ...match: Condition[]): Rule {
  return rule(id, match, { type: 'accept' })
}

function change(id: RuleId, match: readonly Condition[], ...changes: Change[]): Rule {
  return rule(id, match, { type: 'set', changes })
}

const ruleTexts = { ...importRules, ...exportRules }

function rule(id: RuleId, match: readonly Condition[], action: Action): Rule {
  const [why, source] = ruleTexts[id]
  return { id, match, action, why, source, native: false }
}

function only(asn: number) {
  return { first: asn, last: asn }
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (!parsed.ok) throw new TypeError(`${text} ${parsed.problem}`)
  return parsed.value
}
