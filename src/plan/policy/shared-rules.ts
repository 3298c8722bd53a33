import { bogons } from '../../net/bogons.ts'
import { Community, wellKnownCommunities } from '../../net/community.ts'
import { type Family, type Prefix, prefixFrom } from '../../net/prefix.ts'
import { exactly, globalLengths, orLonger, type PrefixRange } from '../../net/prefix-range.ts'
import { bogonAsns, isAmong, tier1Asns, withoutAsn } from './asn-ranges.ts'
import { once } from './once.ts'
import type { Action, Change, Condition, Rule } from './policy.ts'
import { exportRules, importRules, type RuleId } from './rules.ts'

/** Longer than any legitimate path (RFC 7454, section 9); excludes paths that are prepended tens of times. */
const longestPath = 64

/** The large community on routes from our other nodes, so that they are not advertised as our own. */
export function learnedInsideMark(ourAsn: number): Community {
  return new Community([ourAsn, 0, 1])
}

export const gracefulShutdownCommunity = wellKnownCommunities.get('graceful-shutdown')!

/** The default route: every address of the family. */
export const everything: Readonly<Record<Family, Prefix>> = {
  ipv4: prefixFrom('0.0.0.0/0'),
  ipv6: prefixFrom('::/0'),
}
const globalUnicast = prefixFrom('2000::/3')
/** Prefixes of which each daemon refuses a part by itself; with this rule both refuse all of them, without exception. */
const martians: Readonly<Record<Family, readonly Prefix[]>> = {
  ipv4: ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3'].map(prefixFrom),
  ipv6: ['::/32', 'fe80::/9', 'ff00::/8'].map(prefixFrom),
}
const hostRoutes: Readonly<Record<Family, PrefixRange>> = {
  ipv4: { prefix: everything.ipv4, minLength: 32, maxLength: 32 },
  ipv6: { prefix: everything.ipv6, minLength: 128, maxLength: 128 },
}

/** The prefixes of a service that may be advertised to a neighbor, and the communities that they get. */
export interface ServiceExport {
  readonly service: string
  readonly prefixes: readonly Prefix[]
  readonly communities: readonly Community[]
}

const ruleTexts = { ...importRules, ...exportRules }
const tier1Ranges = tier1Asns.map(only)

/** The same for every neighbor. */
export const fixed = {
  importNothing: reject('import-nothing'),
  defaultOnly: byFamily((family) =>
    reject('default-only', { type: 'prefix-not', in: [exactly(everything[family])] }),
  ),
  martianPrefix: byFamily((family) =>
    reject('martian-prefix', { type: 'prefix', in: martians[family].map(orLonger) }),
  ),
  globalUnicast: reject('global-unicast', { type: 'prefix-not', in: [orLonger(globalUnicast)] }),
  prefixLength: byFamily((family) => {
    const [minLength, maxLength] = globalLengths[family]
    return reject('prefix-length', {
      type: 'prefix-not',
      in: [{ prefix: everything[family], minLength, maxLength }],
    })
  }),
  emptyPath: reject('empty-path', { type: 'path-empty' }),
  asZero: reject('as-zero', { type: 'path-contains', asns: [only(0)] }),
  pathLength: pathLength(longestPath),
  asSet: reject('as-set', { type: 'path-has-set' }),
  bogonAsn: reject('bogon-asn', { type: 'path-contains', asns: bogonAsns }),
  tier1Leak: reject('tier-1-leak', { type: 'path-contains', asns: tier1Ranges }),
  roleLeak: native(reject('role-leak', { type: 'otc-not', asn: null })),
  rpkiInvalid: reject('rpki-invalid', { type: 'validation', state: 'invalid', origin: 'path' }),
  rpkiNotFound: reject('rpki-not-found', { type: 'validation', state: 'not-found', origin: 'path' }),
  scrubExtended: change('scrub-extended', [], { type: 'remove-extended-communities' }),
  gracefulShutdown: change(
    'graceful-shutdown',
    [{ type: 'community', community: gracefulShutdownCommunity }],
    { type: 'local-pref', value: 0 },
  ),
  importRest: accept('import-rest'),
  learnedRoute: reject('learned-route', { type: 'learned' }),
  learnedRouteAlways: reject('learned-route', { type: 'learned', always: true }),
  hostRoute: byFamily((family) => reject('host-route', { type: 'prefix', in: [hostRoutes[family]] })),
  ownOriginInvalid: reject('own-origin-invalid', { type: 'validation', state: 'invalid', origin: 'ours' }),
  noExport: change('no-export', [], {
    type: 'add-communities',
    communities: [wellKnownCommunities.get('no-export')!],
  }),
  defaultDeny: reject('default-deny'),
}

/** The same for every neighbor of an AS. */
export const ownNumber = once(
  (ourAsn: number) => ({
    asLoop: native(reject('as-loop', { type: 'path-contains', asns: [only(ourAsn)] })),
    learnedInside: change('learned-inside', [], {
      type: 'add-communities',
      communities: [learnedInsideMark(ourAsn)],
    }),
    markForCustomers: native(
      change('mark-for-customers', [], { type: 'mark-only-to-customer', asn: ourAsn }),
    ),
  }),
  new Map(),
)

/** BIRD knows the number of the session only, and FRR both. */
export function asLoopOf(...asns: readonly number[]): Rule {
  return reject('as-loop', { type: 'path-contains', asns: asns.map(only) })
}

// The same for all neighbors with the same list.
export const otherOwnAsn = once((asns: readonly number[]) =>
  reject('other-own-asn', { type: 'path-contains', asns: asns.map(only) }),
)
const scrubOf = once(
  (asns: string) =>
    change(
      'scrub-communities',
      [],
      ...asns.split(' ').map((asn): Change => ({ type: 'remove-large-communities', asn: Number(asn) })),
    ),
  new Map<string, Rule>(),
)

/** Removes the large communities with these numbers. */
export function scrubCommunities(asns: readonly number[]): Rule {
  return scrubOf(asns.join(' '))
}

/** Without the neighbor's own number: if it is private, the engineer configured it so. */
export function bogonAsn(neighborAsn: number): Rule {
  return isAmong(bogonAsns, neighborAsn) ? bogonAsnBut(neighborAsn) : fixed.bogonAsn
}

/** Without the neighbor's own number: a tier-1 network may be a peer. */
export function tier1Leak(neighborAsn: number): Rule {
  return isAmong(tier1Ranges, neighborAsn) ? tier1LeakBut(neighborAsn) : fixed.tier1Leak
}

const bogonAsnBut = once(
  (asn: number) => reject('bogon-asn', { type: 'path-contains', asns: withoutAsn(bogonAsns, asn) }),
  new Map(),
)
const tier1LeakBut = once(
  (asn: number) => reject('tier-1-leak', { type: 'path-contains', asns: withoutAsn(tier1Ranges, asn) }),
  new Map(),
)

// The same for all neighbors whose inputs have the same list.
export const ownPrefixesOnly = once((prefixes: readonly Prefix[]) =>
  reject('own-prefixes-only', { type: 'prefix-not', in: prefixes.map(exactly) }),
)
export const ownPrefix = once((prefixes: readonly Prefix[]) => {
  const outermost = prefixes.filter(
    (prefix) => !prefixes.some((other) => other !== prefix && other.contains(prefix)),
  )
  return reject('own-prefix', { type: 'prefix', in: outermost.map(orLonger) })
})
export const bogonPrefix = byFamily((family) =>
  once((allowed: readonly Prefix[]) => reject('bogon-prefix', ...bogonConditions(allowed, family))),
)
export const exactlyOurs = once((exports: readonly Prefix[]) =>
  accept('own-prefixes', { type: 'prefix', in: exports.map(exactly) }),
)

export const serviceCommunities = once(({ service, prefixes, communities }: ServiceExport): Rule => {
  const match: Condition = { type: 'prefix', in: prefixes.map(exactly) }
  const rule = change('service-communities', [match], { type: 'add-communities', communities })
  return { ...rule, of: service, why: `the communities that the sites set for ${service}` }
})

function bogonConditions(allowed: readonly Prefix[], family: Family): Condition[] {
  const refused = bogons
    .map((bogon) => bogon.prefix)
    .filter((range) => range.family === family && !allowed.some((prefix) => prefix.contains(range)))
  const holes = allowed.filter((prefix) => refused.some((range) => range.contains(prefix)))
  const inside: Condition = { type: 'prefix', in: refused.map(orLonger) }
  return holes.length === 0 ? [inside] : [inside, { type: 'prefix-not', in: holes.map(orLonger) }]
}

export function reject(id: RuleId, ...match: Condition[]): Rule {
  return rule(id, match, { type: 'reject' })
}

function accept(id: RuleId, ...match: Condition[]): Rule {
  return rule(id, match, { type: 'accept' })
}

export function change(id: RuleId, match: readonly Condition[], ...changes: Change[]): Rule {
  return rule(id, match, { type: 'set', changes })
}

function rule(id: RuleId, match: readonly Condition[], action: Action): Rule {
  const [why, source] = ruleTexts[id]
  return { id, of: null, match, action, why, source, native: false }
}

export function native(rule: Rule): Rule {
  return { ...rule, native: true }
}

export function pathLength(than: number): Rule {
  return reject('path-length', { type: 'path-longer', than })
}

function byFamily<T>(make: (family: Family) => T): Readonly<Record<Family, T>> {
  return { ipv4: make('ipv4'), ipv6: make('ipv6') }
}

export function only(asn: number) {
  return { first: asn, last: asn }
}
