import type { NeighborKind } from '../../../../src/manifest/words.ts'
import { Community } from '../../../../src/net/community.ts'
import { type Parsed, parseAddress, parsePrefix } from '../../../../src/net/prefix.ts'
import type { PolicyInput } from '../../../../src/plan/policy/compile-policy.ts'
import { importsByKind, type Neighbor } from '../../../../src/plan/sites/fleet.ts'

function get<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw new TypeError(parsed.problem)
  return parsed.value
}
const prefix = (text: string) => get(parsePrefix(text))

const rpki = {
  caches: [{ host: '127.0.0.1', port: 3323 }],
  invalid: 'reject',
  refreshS: 3600,
  retryS: 600,
  expireS: 7200,
  atExpiry: 'last-good',
  lastGood: { host: '127.0.0.1', port: 3324 },
  vrps: null,
} as const

/** A neighbor of that kind in a fleet of AS1111, with an RPKI cache and a community. */
export function inputOf(kind: NeighborKind, changes: Partial<Neighbor> = {}): PolicyInput {
  const neighbor: Neighbor = {
    name: 'x1',
    kind,
    asn: kind === 'ibgp' ? 1111 : 2222,
    localAs: null,
    address: get(parseAddress('203.0.114.1')),
    localAddress: null,
    interface: null,
    vrf: null,
    extendedNextHop: false,
    description: null,
    import: importsByKind[kind][0],
    limit: null,
    relax: [],
    tighten: { pathLength: null, notFound: 'accept', onlyPrefixes: null, rejectPrefixes: [], rejectAsns: [] },
    irr: null,
    services: null,
    communities: [],
    hostRoutes: null,
    noExport: null,
    role: null,
    multihop: null,
    bfd: null,
    timers: { holdS: 90, keepaliveS: 30 },
    gtsm: false,
    prepend: 0,
    med: null,
    localPref: null,
    passwordFile: null,
    degrade: { gracefulShutdown: true, prepend: 3, med: null },
    session: null,
    ...changes,
  }
  const family = neighbor.address?.family ?? 'ipv6'
  const own = family === 'ipv4' ? ['5.5.5.0/24', '5.5.5.5/32'] : ['2a05::/32', '2a05::1/128']
  return {
    family,
    ourAsn: 1111,
    nodeAsn: 1111,
    otherAsns: [],
    ownPrefixes: own.map(prefix),
    exports: own.slice(0, kind === 'tor' || kind === 'ibgp' ? 2 : 1).map(prefix),
    bogonsAllowed: [],
    rpki,
    communities: [new Community([1111, 7])],
    announcesAlways: false,
    serviceExports: [],
    irr: null,
    neighbor,
  }
}

/** The same, in the other family. */
export const ipv6 = { address: get(parseAddress('2a00::1')) }
