import type { RoleWord } from '../../manifest/words.ts'
import type { Community } from '../../net/community.ts'
import { type Family, isLinkLocal, type Prefix } from '../../net/prefix.ts'
import type { PrefixRange } from '../../net/prefix-range.ts'
import { hostRoutesByKind, importLimits, type Neighbor, type Rpki } from '../sites/fleet.ts'
import { type KindPolicy, kindPolicies } from './kinds.ts'
import type { Change, Condition, Policy, Rule } from './policy.ts'
import type { RuleId } from './rules.ts'
import {
  asLoopOf,
  bogonAsn,
  bogonPrefix,
  change,
  exactlyOurs,
  fixed,
  gracefulShutdownCommunity,
  native,
  only,
  otherOwnAsn,
  ownNumber,
  ownPrefix,
  ownPrefixesOnly,
  pathLength,
  reject,
  type ServiceExport,
  scrubCommunities,
  serviceCommunities,
  tier1Leak,
} from './shared-rules.ts'

/** The inputs of the rules for one neighbor. */
export interface PolicyInput {
  readonly family: Family
  /** That of our side of the session. */
  readonly ourAsn: number
  /** That of the node, which differs with `localAs`. */
  readonly nodeAsn: number
  /** Our other AS numbers that no path from this neighbor may have, sorted. */
  readonly otherAsns: readonly number[]
  /** Everything that the fleet originates, of that family. */
  readonly ownPrefixes: readonly Prefix[]
  /** The prefixes that may be advertised to this neighbor, of that family. */
  readonly exports: readonly Prefix[]
  readonly bogonsAllowed: readonly Prefix[]
  readonly rpki: Rpki | null
  /** Added to every route that leaves the AS. */
  readonly communities: readonly Community[]
  /** Whether the daemon itself originates some of `exports`, beside the controller. */
  readonly announcesAlways: boolean
  /** Of the services with communities of their own. */
  readonly serviceExports: readonly ServiceExport[]
  /** The prefixes that the IRR registers for this neighbor; `null`: no filter. An empty list accepts nothing. */
  readonly irr: readonly PrefixRange[] | null
  readonly neighbor: Neighbor
}

/** Export limit beyond the prefixes that the rules accept: a second safeguard. */
const spare = 5
/** Import limit of a neighbor from which one prefix is accepted. */
const fewPrefixes = 10

/** Our side's role in a session with this neighbor (RFC 9234), or `null`. */
export function roleOf(neighbor: Neighbor): RoleWord | null {
  return neighbor.role === 'none' ? null : (neighbor.role ?? kindPolicies[neighbor.kind].role)
}

/** Whether routes of this neighbor are validated (RFC 6811). */
export function isValidated({ neighbor, rpki }: Pick<PolicyInput, 'neighbor' | 'rpki'>): boolean {
  return rpki !== null && neighbor.import === 'full' && kindPolicies[neighbor.kind].validated
}

/** The policy for routes from a neighbor. */
export function compileImport(input: PolicyInput): Policy {
  const { neighbor } = input
  const rules = [...importMatches(input, kindPolicies[neighbor.kind])]
  return finish(input, 'import', rules, neighbor.limit ?? defaultLimit(input))
}

/** The policy for routes to a neighbor. */
export function compileExport(input: PolicyInput): Policy {
  return finish(input, 'export', [...exportMatches(input)], input.exports.length + spare)
}

function* importMatches(input: PolicyInput, kind: KindPolicy): Generator<Rule> {
  const { neighbor, ourAsn, nodeAsn, otherAsns, family } = input
  const { tighten } = neighbor
  const role = roleOf(neighbor)
  if (neighbor.import === 'nothing') {
    yield fixed.importNothing
    return
  }
  yield ourAsn === nodeAsn ? ownNumber(ourAsn).asLoop : asLoopOf(ourAsn, nodeAsn)
  if (otherAsns.length > 0) yield otherOwnAsn(otherAsns)
  if (neighbor.import === 'default-only') yield fixed.defaultOnly[family]
  if (neighbor.import === 'own-prefixes') yield ownPrefixesOnly(input.ownPrefixes)
  if (neighbor.import === 'full') {
    yield fixed.martianPrefix[family]
    if (input.ownPrefixes.length > 0) yield ownPrefix(input.ownPrefixes)
    yield bogonPrefix[family](input.bogonsAllowed)
    if (family === 'ipv6') yield fixed.globalUnicast
    yield fixed.prefixLength[family]
  }
  if (!kind.internal) {
    // FRR treats an empty path as ours: it validates it with our own AS number.
    yield fixed.emptyPath
    yield fixed.asZero
    yield tighten.pathLength === null ? fixed.pathLength : pathLength(tighten.pathLength)
    yield fixed.asSet
    if (kind.checksFirstAs) yield reject('first-as', { type: 'first-asn-not', asn: neighbor.asn })
    if (kind.checksBogons) yield bogonAsn(neighbor.asn)
    if (kind.refusesTier1) yield tier1Leak(neighbor.asn)
    if (neighbor.localAddress !== null) {
      const condition: Condition = { type: 'next-hop', address: neighbor.localAddress }
      yield native(reject('own-next-hop', condition))
    }
    if (kind.checksNextHop) yield reject('next-hop', nextHopCondition(neighbor))
    if (role === 'peer') yield native(reject('role-leak', { type: 'otc-not', asn: neighbor.asn }))
    if (role === 'provider' || role === 'rs-server') yield fixed.roleLeak
  }
  if (tighten.rejectPrefixes.some(isOf(family))) {
    yield reject('denied-prefix', { type: 'prefix', in: tighten.rejectPrefixes.filter(isOf(family)) })
  }
  if (tighten.rejectAsns.length > 0) {
    yield reject('denied-asn', { type: 'path-contains', asns: tighten.rejectAsns.map(only) })
  }
  if (tighten.onlyPrefixes !== null) {
    yield reject('only-prefixes', { type: 'prefix-not', in: tighten.onlyPrefixes.filter(isOf(family)) })
  }
  if (input.irr !== null) yield reject('irr', { type: 'prefix-not', in: input.irr })
  if (isValidated(input)) {
    if (input.rpki?.invalid === 'reject') yield fixed.rpkiInvalid
    if (tighten.notFound === 'reject') yield fixed.rpkiNotFound
  }
  if (neighbor.import === 'own-prefixes') yield ownNumber(ourAsn).learnedInside
  if (!kind.internal) {
    yield scrubCommunities([...new Set([ourAsn, nodeAsn, ...otherAsns])])
    yield fixed.scrubExtended
    if (role === 'customer' || role === 'peer' || role === 'rs-client') {
      yield native(change('only-to-customer', [], { type: 'mark-only-to-customer', asn: neighbor.asn }))
    }
    if (neighbor.localPref !== null) {
      yield change('local-pref', [], { type: 'local-pref', value: neighbor.localPref })
    }
    // Last, so that a route that is about to be withdrawn is the least preferred in any case.
    yield fixed.gracefulShutdown
  }
  yield fixed.importRest
}

/** BIRD does not show a filter which link-local address it is: it is on the link of the session in any case. */
function nextHopCondition({ address }: Neighbor): Condition {
  return address === null || isLinkLocal(address)
    ? { type: 'next-hop-not-link-local', neighbor: address }
    : { type: 'next-hop-not', address }
}

function* exportMatches(input: PolicyInput): Generator<Rule> {
  const { neighbor, ourAsn, exports } = input
  const kind = kindPolicies[neighbor.kind]
  const role = roleOf(neighbor)
  if (exports.length > 0) {
    yield input.announcesAlways ? fixed.learnedRouteAlways : fixed.learnedRoute
    if (!(neighbor.hostRoutes ?? hostRoutesByKind[neighbor.kind])) yield fixed.hostRoute[input.family]
    if (kind.validated && input.rpki?.invalid === 'reject') yield fixed.ownOriginInvalid
    const communities = uniqueOf([...(kind.internal ? [] : input.communities), ...neighbor.communities])
    if (communities.length > 0) yield change('our-communities', [], { type: 'add-communities', communities })
    yield* input.serviceExports.flatMap((service) => addService(service, communities))
    if (neighbor.noExport ?? kind.noExport) yield fixed.noExport
    if (!kind.internal && (role === 'provider' || role === 'peer' || role === 'rs-server')) {
      yield ownNumber(ourAsn).markForCustomers
    }
    if (neighbor.prepend > 0) {
      yield change('prepend', [], { type: 'prepend', asn: ourAsn, times: neighbor.prepend })
    }
    if (neighbor.med !== null) yield change('med', [], { type: 'med', value: neighbor.med })
    const worse = degradations(neighbor, ourAsn)
    if (worse.length > 0) yield change('degraded', [{ type: 'degraded' }], ...worse)
    yield exactlyOurs(exports)
  }
  yield fixed.defaultDeny
}

/** The changes that make a degraded announcement less attractive to this neighbor; empty if the YAML turns all of them off. */
function degradations({ kind, degrade }: Neighbor, ourAsn: number): Change[] {
  const { gracefulShutdown, prepend, med } = degrade
  const changes: Change[] = []
  if (gracefulShutdown) {
    changes.push({ type: 'add-communities', communities: [gracefulShutdownCommunity] })
    // Inside the AS the community has no effect, so the sender sets LOCAL_PREF itself (RFC 8326, section 4.2).
    if (kindPolicies[kind].internal) changes.push({ type: 'local-pref', value: 0 })
  }
  if (prepend > 0) changes.push({ type: 'prepend', asn: ourAsn, times: prepend })
  if (med !== null) changes.push({ type: 'med', value: med })
  return changes
}

function finish(
  input: PolicyInput,
  direction: Policy['direction'],
  all: readonly Rule[],
  limit: number,
): Policy {
  const { kind, asn } = input.neighbor
  const relax = new Set<RuleId>(input.neighbor.relax)
  return {
    direction,
    kind,
    family: input.family,
    ourAsn: input.ourAsn,
    nodeAsn: input.nodeAsn,
    neighborAsn: asn,
    rules: all.filter(({ id }) => !relax.has(id)),
    limit,
    relaxed: all.filter(({ id }) => relax.has(id)),
  }
}

function uniqueOf(communities: readonly Community[]): readonly Community[] {
  return [...new Map(communities.map((community) => [String(community), community])).values()]
}

/** Without extended communities that the route has already: FRR would add them once more. */
function addService(service: ServiceExport, added: readonly Community[]): Rule[] {
  const isAdded = (community: Community) =>
    community.type === 'extended' && added.some((other) => other.equals(community))
  if (!service.communities.some(isAdded)) return [serviceCommunities(service)]
  const communities = service.communities.filter((community) => !isAdded(community))
  return communities.length === 0 ? [] : [serviceCommunities({ ...service, communities })]
}

function isOf(family: Family): (range: PrefixRange) => boolean {
  return ({ prefix }) => prefix.family === family
}

function defaultLimit({ neighbor, ownPrefixes, family }: PolicyInput): number {
  if (neighbor.import === 'full') return importLimits[neighbor.kind][family]
  return neighbor.import === 'own-prefixes' ? ownPrefixes.length + spare : fewPrefixes
}
