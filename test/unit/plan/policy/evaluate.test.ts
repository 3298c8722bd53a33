import { describe, expect, test } from 'vitest'
import type { NeighborKind } from '../../../../src/manifest/words.ts'
import { parseAsPath } from '../../../../src/net/as-path.ts'
import { parseCommunity } from '../../../../src/net/community.ts'
import { type Parsed, parseAddress, parsePrefix } from '../../../../src/net/prefix.ts'
import { exactly } from '../../../../src/net/prefix-range.ts'
import { compileExport, compileImport } from '../../../../src/plan/policy/compile-policy.ts'
import { evaluate } from '../../../../src/plan/policy/evaluate.ts'
import type { Policy, Route } from '../../../../src/plan/policy/policy.ts'
import type { ValidationState } from '../../../../src/plan/rpki/validation.ts'
import { importsByKind, type Neighbor } from '../../../../src/plan/sites/fleet.ts'
import { inputOf, ipv6 } from './sample.ts'

function get<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw new TypeError(parsed.problem)
  return parsed.value
}
const prefix = (text: string) => get(parsePrefix(text))
const community = (text: string) => get(parseCommunity(text))

function route(text: string, changes: Partial<Route> = {}): Route {
  const parsed = prefix(text)
  return {
    prefix: parsed,
    asPath: [2222, 3333],
    nextHop: get(parseAddress(parsed.family === 'ipv4' ? '203.0.114.1' : '2a00::1')),
    origin: 'igp',
    localPref: 100,
    communities: [],
    med: null,
    otc: null,
    local: false,
    degraded: false,
    ...changes,
  }
}

const path = (text: string) => ({ asPath: get(parseAsPath(text)) })
const says = (state: ValidationState) => () => state

function decide(policy: Policy, received: Route, state: ValidationState = 'not-found'): string {
  const { verdict, rule } = evaluate(policy, received, says(state))
  return `${verdict} ${rule.id}`
}

describe('a route from a transit is rejected by the matching rule', () => {
  const policy = compileImport(inputOf('transit'))
  test.each<[string, Route, string]>([
    ['an ordinary route', route('1.1.1.0/24'), 'accept import-rest'],
    ['our AS number in the path', route('1.1.1.0/24', path('2222 1111 3')), 'reject as-loop'],
    ['our own prefix', route('5.5.5.0/24'), 'reject own-prefix'],
    ['a more-specific of ours', route('5.5.5.128/25'), 'reject own-prefix'],
    ['a less-specific of our prefix', route('5.5.4.0/23'), 'accept import-rest'],
    ['a private range', route('10.1.0.0/16'), 'reject bogon-prefix'],
    ['the default route', route('0.0.0.0/0'), 'reject prefix-length'],
    ['a /7', route('4.0.0.0/7'), 'reject prefix-length'],
    ['a /8', route('4.0.0.0/8'), 'accept import-rest'],
    ['a /25', route('1.1.1.0/25'), 'reject prefix-length'],
    ['64 in a path', route('1.1.1.0/24', path('2222 '.repeat(64))), 'accept import-rest'],
    ['65 in a path', route('1.1.1.0/24', path('2222 '.repeat(65))), 'reject path-length'],
    ['an AS_SET', route('1.1.1.0/24', path('2222 {3,4}')), 'reject as-set'],
    ['another first AS', route('1.1.1.0/24', path('3333 2222')), 'reject first-as'],
    ['no path', route('1.1.1.0/24', path('')), 'reject empty-path'],
    ['AS 0', route('1.1.1.0/24', path('2222 0 3')), 'reject as-zero'],
    ['loopback', route('127.0.0.0/8'), 'reject martian-prefix'],
    ['a private AS number', route('1.1.1.0/24', path('2222 64512')), 'reject bogon-asn'],
    ['AS_TRANS', route('1.1.1.0/24', path('2222 23456 3')), 'reject bogon-asn'],
    [
      'another next hop',
      route('1.1.1.0/24', { nextHop: get(parseAddress('203.0.114.9')) }),
      'reject next-hop',
    ],
    ['a tier-1 in the path', route('1.1.1.0/24', path('2222 3356')), 'accept import-rest'],
  ])('%s', (_title, received, expected) => {
    expect(decide(policy, received)).toBe(expected)
  })

  test.each<[ValidationState, string]>([
    ['valid', 'accept import-rest'],
    ['not-found', 'accept import-rest'],
    ['invalid-as', 'reject rpki-invalid'],
    ['invalid-length', 'reject rpki-invalid'],
  ])('an origin that is %s', (state, expected) => {
    expect(decide(policy, route('1.1.1.0/24'), state)).toBe(expected)
  })
})

test('IPv6 has its own lengths and one range', () => {
  const policy = compileImport(inputOf('transit', ipv6))
  expect(decide(policy, route('2a06::/32'))).toBe('accept import-rest')
  expect(decide(policy, route('2a06::/49'))).toBe('reject prefix-length')
  expect(decide(policy, route('2a00::/11'))).toBe('reject prefix-length')
  expect(decide(policy, route('2a05:0:1::/48'))).toBe('reject own-prefix')
  expect(decide(policy, route('fd00::/16'))).toBe('reject bogon-prefix')
  expect(decide(policy, route('4000::/16'))).toBe('reject global-unicast')
})

test('from a peer, tier-1 routes and routes for its customers only are rejected', () => {
  const policy = compileImport(inputOf('peer'))
  expect(decide(policy, route('1.1.1.0/24', path('2222 3356 3')))).toBe('reject tier-1-leak')
  expect(decide(policy, route('1.1.1.0/24', { otc: 3333 }))).toBe('reject role-leak')
  expect(decide(policy, route('1.1.1.0/24', { otc: 2222 }))).toBe('accept import-rest')
  const tier1 = compileImport(inputOf('peer', { asn: 3356 }))
  expect(decide(tier1, route('1.1.1.0/24', path('3356 3')))).toBe('accept import-rest')
})

test('from a route server, the first AS and the next hop are those of another router', () => {
  const policy = compileImport(inputOf('route-server'))
  const received = route('1.1.1.0/24', { ...path('3333'), nextHop: get(parseAddress('203.0.114.77')) })
  expect(decide(policy, received)).toBe('accept import-rest')
})

test('with default-only every route but the default route is rejected', () => {
  for (const kind of ['transit', 'provider-private', 'tor'] as const) {
    const policy = compileImport(inputOf(kind, { import: 'default-only' }))
    expect(decide(policy, route('0.0.0.0/0', path('2222')))).toBe('accept import-rest')
    expect(decide(policy, route('1.1.1.0/24'))).toBe('reject default-only')
    expect(decide(policy, route('0.0.0.0/0', path('3333')))).toBe('reject first-as')
  }
  const nothing = compileImport(inputOf('tor'))
  expect(decide(nothing, route('0.0.0.0/0'))).toBe('reject import-nothing')
})

test('from iBGP our own prefixes are accepted, with a mark that prevents their export as our own', () => {
  const input = inputOf('ibgp')
  const { verdict, route: taken } = evaluate(compileImport(input), route('5.5.5.5/32', path('')))
  expect(verdict).toBe('accept')
  expect(taken.communities.map(String)).toEqual(['1111:0:1'])
  expect(decide(compileImport(input), route('1.1.1.0/24', path('')))).toBe('reject own-prefixes-only')
  expect(decide(compileExport(inputOf('transit')), { ...taken, local: false })).toBe('reject learned-route')
})

test('only our covering prefixes are advertised outside the AS', () => {
  const policy = compileExport(inputOf('transit'))
  const own = (text: string) => route(text, { ...path(''), local: true, nextHop: null })
  expect(decide(policy, own('5.5.5.0/24'))).toBe('accept own-prefixes')
  expect(decide(policy, own('5.5.5.5/32'))).toBe('reject host-route')
  expect(decide(policy, own('5.5.5.0/25'))).toBe('reject default-deny')
  expect(decide(policy, route('5.5.5.0/24', path('2222')))).toBe('reject learned-route')
  expect(decide(policy, own('5.5.5.0/24'), 'invalid-length')).toBe('reject own-origin-invalid')
  expect(decide(compileExport(inputOf('tor')), own('5.5.5.5/32'))).toBe('accept own-prefixes')
})

test('an advertised route has our communities, and NO_EXPORT towards a private provider', () => {
  const own = route('5.5.5.0/24', { ...path(''), local: true })
  const communitiesTo = (kind: NeighborKind, changes: Partial<Neighbor> = {}) => {
    const input = inputOf(kind, { communities: [community('2222:1:2')], ...changes })
    return evaluate(compileExport(input), own).route.communities.map(String)
  }
  expect(communitiesTo('transit')).toEqual(['1111:7', '2222:1:2'])
  expect(communitiesTo('provider-private')).toEqual(['1111:7', '2222:1:2', '65535:65281'])
  expect(communitiesTo('ibgp')).toEqual(['2222:1:2'])
  expect(communitiesTo('tor')).toContain('65535:65281')
  for (const kind of ['tor', 'provider-private'] as const) {
    expect(communitiesTo(kind, { noExport: false })).toEqual(['1111:7', '2222:1:2'])
  }
})

test('a route has the communities of each of its services, on every session', () => {
  const serviceExports = [
    {
      service: 'vpn',
      prefixes: [prefix('5.5.5.0/24'), prefix('5.5.5.5/32')],
      communities: [community('1111:1')],
    },
    {
      service: 'voice',
      prefixes: [prefix('5.5.5.0/24')],
      communities: [community('1111:7'), community('1111:0:2')],
    },
  ]
  const communitiesOf = (kind: NeighborKind, text: string) =>
    evaluate(
      compileExport({ ...inputOf(kind), serviceExports }),
      route(text, { ...path(''), local: true }),
    ).route.communities.map(String)
  expect(communitiesOf('transit', '5.5.5.0/24')).toEqual(['1111:7', '1111:1', '1111:0:2'])
  expect(communitiesOf('ibgp', '5.5.5.0/24')).toEqual(['1111:1', '1111:7', '1111:0:2'])
  expect(communitiesOf('ibgp', '5.5.5.5/32')).toEqual(['1111:1'])
})

test('our large communities are removed, and GRACEFUL_SHUTDOWN sets the lowest preference', () => {
  const communities = ['1111:1:1', '2222:1:1', '1111:1', 'graceful-shutdown'].map(community)
  const { route: taken, changedBy } = evaluate(
    compileImport(inputOf('transit')),
    route('1.1.1.0/24', { communities }),
  )
  expect(taken.communities.map(String)).toEqual(['2222:1:1', '1111:1', '65535:0'])
  expect(taken.localPref).toBe(0)
  expect(changedBy.map(({ id }) => id)).toEqual([
    'scrub-communities',
    'only-to-customer',
    'graceful-shutdown',
  ])
})

test('localPref sets the preference of accepted routes, except of those about to be withdrawn', () => {
  const policy = compileImport(inputOf('transit', { localPref: 250 }))
  const { verdict, route: taken } = evaluate(policy, route('1.1.1.0/24'))
  expect([verdict, taken.localPref]).toEqual(['accept', 250])
  const leaving = route('1.1.1.0/24', { communities: [community('graceful-shutdown')] })
  expect(evaluate(compileImport(inputOf('transit', { localPref: 250 })), leaving).route.localPref).toBe(0)
})

test('prepend and med apply to every announcement, and a degraded one is prepended further', () => {
  const degrade = { gracefulShutdown: false, prepend: 3, med: 90 }
  const policy = compileExport(inputOf('transit', { prepend: 2, med: 40, degrade }))
  const own = { asPath: [], nextHop: null, local: true }
  const normal = evaluate(policy, route('5.5.5.0/24', own)).route
  expect([normal.asPath, normal.med]).toEqual([[1111, 1111], 40])
  const degraded = evaluate(policy, route('5.5.5.0/24', { ...own, degraded: true })).route
  expect([degraded.asPath, degraded.med]).toEqual([Array(5).fill(1111), 90])
})

test('a relaxed rule does not apply, and the policy lists it', () => {
  const policy = compileImport(inputOf('transit', { relax: ['path-length', 'bogon-asn'] }))
  expect(decide(policy, route('1.1.1.0/24', path(`${'2222 '.repeat(70)}64512`)))).toBe('accept import-rest')
  expect(policy.relaxed.map(({ id }) => id)).toEqual(['path-length', 'bogon-asn'])
})

test('tighten adds rules to the defaults', () => {
  const tighten = {
    pathLength: 2,
    notFound: 'reject',
    onlyPrefixes: [exactly(prefix('1.1.1.0/24')), exactly(prefix('1.1.2.0/24'))],
    rejectPrefixes: [exactly(prefix('1.1.2.0/24'))],
    rejectAsns: [4444],
  } as const
  const policy = compileImport(inputOf('peer', { tighten }))
  expect(decide(policy, route('1.1.1.0/24'), 'valid')).toBe('accept import-rest')
  expect(decide(policy, route('1.1.1.0/24'))).toBe('reject rpki-not-found')
  expect(decide(policy, route('1.1.1.0/24', path('2222 3 4')))).toBe('reject path-length')
  expect(decide(policy, route('1.1.1.0/24', path('2222 4444')))).toBe('reject denied-asn')
  expect(decide(policy, route('1.1.2.0/24'))).toBe('reject denied-prefix')
  expect(decide(policy, route('1.1.3.0/24'))).toBe('reject only-prefixes')
})

test('an IRR set accepts registered prefixes only, and an empty one accepts none', () => {
  const peer = inputOf('peer')
  const registered = compileImport({ ...peer, irr: [exactly(prefix('1.1.1.0/24'))] })
  expect(decide(registered, route('1.1.1.0/24'))).toBe('accept import-rest')
  expect(decide(registered, route('1.1.2.0/24'))).toBe('reject irr')
  expect(decide(compileImport({ ...peer, irr: [] }), route('1.1.1.0/24'))).toBe('reject irr')
})

test('a bogon range that the fleet allows is accepted, and the rest of its class is not', () => {
  const policy = compileImport({ ...inputOf('transit'), bogonsAllowed: [prefix('10.5.0.0/16')] })
  expect(decide(policy, route('10.5.1.0/24'))).toBe('accept import-rest')
  expect(decide(policy, route('10.6.0.0/16'))).toBe('reject bogon-prefix')
  expect(decide(policy, route('10.0.0.0/8'))).toBe('reject bogon-prefix')
})

test('every policy has a verdict for every route', () => {
  const kinds = Object.keys(importsByKind) as NeighborKind[]
  for (const kind of kinds) {
    for (const taken of importsByKind[kind]) {
      for (const changes of [{}, ipv6]) {
        const input = inputOf(kind, { import: taken, ...changes })
        for (const policy of [compileImport(input), compileExport(input)]) {
          const last = policy.rules.at(-1)!
          expect(last.match).toEqual([])
          expect(last.action.type).not.toBe('set')
        }
      }
    }
  }
})

test('the prefix limit of iBGP grows with the number of prefixes in the fleet', () => {
  const own = Array.from({ length: 40 }, (_, index) => prefix(`5.5.${index}.0/24`))
  expect(compileImport({ ...inputOf('ibgp'), ownPrefixes: own }).limit).toBe(45)
})
