import { type Family, families } from '../../../src/net/prefix.ts'
import { hasFeature } from '../../../src/plan/sites/checks/versions.ts'
import { installedVersion } from '../../installed-version.ts'
import { nodeLinks } from '../bed/links.ts'
import { localAsn, networksIn, ourAsn } from './resources.ts'

/** One address family of a session. */
export interface ProofNeighbor {
  /** That of the session. */
  readonly name: string
  readonly family: Family
  /** Whether the session carries the other family too, IPv4 with IPv6 next hops (RFC 8950). */
  readonly bothFamilies: boolean
  readonly asn: number
  readonly address: string
  /** The node's interface; the other end has the same name. */
  readonly link: string
  /** Whether the YAML names the link alone. */
  readonly unnumbered: boolean
  /** Fields of the site's YAML beside those. */
  readonly yaml: string
  readonly internal: boolean
}

const perKind: readonly (readonly [name: string, asn: number, yaml: string])[] = [
  ['transit', 3000, 'kind: transit'],
  [
    'default',
    3001,
    'kind: transit, import: default-only, prepend: 2, localPref: 200, degrade: { prepend: 1, med: 0 }',
  ],
  ['peer', 400002, 'kind: peer, med: 50, degrade: { gracefulShutdown: false, prepend: 0, med: 77 }'],
  [
    'strict',
    3003,
    `kind: peer, irr: { file: strict.txt }, tighten: { pathLength: 20, rejectAsns: [7777, 400777],
      onlyPrefixes: [ONLY], rejectPrefixes: [REJECT] }`,
  ],
  [
    'server',
    3004,
    'kind: route-server, prepend: 1, med: 0, localPref: 4294967295, communities: ["3004:3004", "3004:1:0"]',
  ],
  ['private', 3005, 'kind: provider-private, import: default-only'],
  // Degraded routes to it carry no attribute that lowers their preference.
  [
    'rack',
    65006,
    'kind: tor, import: default-only, med: 5, communities: ["rt:60000:7", "ro:400123:65535", "rt:60000:8", "60000:7"], degrade: { gracefulShutdown: false, prepend: 0 }',
  ],
  ['guarded', 65009, 'kind: tor, import: default-only, role: peer, localPref: 50, noExport: false'],
  ['inside', ourAsn, 'kind: ibgp'],
  [
    'insidedef',
    ourAsn,
    'kind: ibgp, import: default-only, med: 7, services: [vpn, other], degrade: { gracefulShutdown: false, med: 4294967295 }',
  ],
  [
    'relaxed',
    3007,
    `kind: transit, role: none, relax: [own-prefix, bogon-prefix, prefix-length, path-length, as-set, first-as,
      bogon-asn, next-hop, rpki-invalid]`,
  ],
  ['picky', 3008, 'kind: transit, tighten: { notFound: reject }, services: [third]'],
  [
    'migrated',
    3011,
    `kind: transit, localAs: ${localAsn}, prepend: 1, relax: [own-prefix], degrade: { prepend: 1 }`,
  ],
  ['nothing', 3010, 'kind: provider-private, import: nothing, hostRoutes: true, noExport: false'],
]

const strictRanges = {
  ipv4: { only: '99.0.0.0/8 le 24', reject: '99.3.0.0/16 ge 20 le 24' },
  ipv6: { only: '2999::/16 le 48', reject: '2999:3::/32 ge 40 le 48' },
} as const

/** Neighbors with a session for each address family. */
const separate = families.flatMap((family) =>
  perKind.map(([name, asn, yaml], index): ProofNeighbor => {
    const { only, reject } = strictRanges[family]
    return {
      name: `${name}${family.slice(3)}`,
      family,
      bothFamilies: false,
      asn,
      address: family === 'ipv4' ? `10.77.1.${index + 1}` : `fd77::1:${(index + 1).toString(16)}`,
      link: nodeLinks[0],
      unnumbered: false,
      yaml: oneLine(yaml)
        .replace('ONLY', only)
        .replace('REJECT', [...networksIn(family, 97), reject].join(', '))
        // IPv4 has no such rule.
        .replace('relax: [', family === 'ipv6' ? 'relax: [global-unicast, ' : 'relax: ['),
      internal: asn === ourAsn,
    }
  }),
)

/** IPv6 sessions, which carry both families unless said otherwise: of a global address, of a link-local one, and unnumbered. */
const onLinks: readonly (readonly [
  name: string,
  asn: number,
  address: string,
  link: (typeof nodeLinks)[number],
  yaml: string,
  carried?: readonly Family[],
])[] = [
  ['global', 3020, 'fd77::3:1', 'pf', 'kind: transit, extendedNextHop: true'],
  ['exchange', 3021, 'fd77::3:2', 'pf', 'kind: route-server, extendedNextHop: true, prepend: 1'],
  [
    'scoped',
    3022,
    'fe80::2:1',
    'pf2',
    'kind: peer, extendedNextHop: true, localAddress: "fe80::7", med: 50, communities: ["3022:1"], degrade: { prepend: 1, med: 99 }',
  ],
  ['scopedonly', 3023, 'fe80::3:1', 'pf3', 'kind: transit, localPref: 200', ['ipv6']],
  [
    'scopedloose',
    3024,
    'fe80::4:1',
    'pf4',
    `kind: transit, extendedNextHop: true, role: none, relax: [own-prefix, bogon-prefix, global-unicast, prefix-length,
      path-length, as-set, first-as, bogon-asn, next-hop, rpki-invalid], services: [third]`,
  ],
  [
    'scopedrack',
    65025,
    'fe80::5:1',
    'pf5',
    'kind: tor, extendedNextHop: true, import: default-only, noExport: false, services: [vpn, other]',
  ],
  [
    'unnumbered',
    3026,
    'fe80::6:1',
    'pf6',
    `kind: peer, irr: { file: strict.txt }, tighten: { pathLength: 20, rejectAsns: [7777, 400777],
      onlyPrefixes: [${strictRanges.ipv4.only}, "${strictRanges.ipv6.only}"],
      rejectPrefixes: [${strictRanges.ipv4.reject}, "${strictRanges.ipv6.reject}"] }`,
  ],
  ['leaf', 65027, 'fe80::7:1', 'pf7', `kind: tor, import: default-only, localAs: ${localAsn}`],
]

const shared = onLinks.flatMap(([name, asn, address, link, yaml, carried = families]) =>
  carried.map(
    (family): ProofNeighbor => ({
      name,
      family,
      bothFamilies: carried.length > 1,
      asn,
      address,
      link,
      unnumbered: /^(unnumbered|leaf)$/.test(name),
      yaml: oneLine(yaml),
      internal: false,
    }),
  ),
)

export const neighbors: readonly ProofNeighbor[] = [...separate, ...shared]

/** Those of one node: bgpd's time for a route-map grows with the square of their number. */
export const groups = {
  ipv4: separate.filter(isOf('ipv4')),
  ipv6: separate.filter(isOf('ipv6')),
  // With the other nodes of the AS, whose routes must not go to these neighbors.
  links: [...separate.filter(({ name }) => /^inside\d$/.test(name)), ...shared],
} as const
export type Group = keyof typeof groups

/** Those that a VRF may have: other nodes of the fleet may not, BIRD accepts no routes there, and FRR 10 has no VRPs. */
export function inVrf(daemon: 'bird' | 'frr', vrf: string): readonly ProofNeighbor[] {
  const withoutVrps = hasFeature({ daemon, daemonVersion: installedVersion(daemon) }, 'rpki-of-vrf')
  return separate
    .filter(({ internal }) => !internal)
    .map((neighbor) => {
      const { yaml } = neighbor
      const allowed = daemon === 'bird' ? withoutImport(yaml) : withoutVrps ? withoutOrigins(yaml) : yaml
      return { ...neighbor, yaml: `${allowed}, vrf: ${vrf}` }
    })
}

/** The fields of a neighbor from which no route is accepted. */
export function withoutImport(yaml: string): string {
  const others = yaml.replaceAll(
    /, (?:(?:import|localPref): [\w-]+|relax: \[[^\]]*\]|irr: \{[^}]*\}|tighten: \{[^}]*\})/g,
    '',
  )
  return `${others}, import: nothing`
}

/** The fields of a neighbor whose routes are not validated. */
function withoutOrigins(yaml: string): string {
  if (!/kind: (?:transit|peer|route-server)/.test(yaml)) return yaml
  const [, relaxed = ''] = /relax: \[([^\]]*)\]/.exec(yaml) ?? []
  const rules = new Set([...relaxed.split(', '), 'own-origin-invalid', 'rpki-invalid'].filter(Boolean))
  return `${yaml.replaceAll(/, relax: \[[^\]]*\]|, tighten: \{ notFound: reject \}/g, '')}, relax: [${[...rules].join(', ')}]`
}

/** One of each session. */
export function sessionsOf(chosen: readonly ProofNeighbor[]): readonly ProofNeighbor[] {
  return chosen.filter(({ name }, index) => chosen.findIndex((other) => other.name === name) === index)
}

function isOf(family: Family) {
  return (neighbor: ProofNeighbor) => neighbor.family === family
}

function oneLine(yaml: string): string {
  return yaml.replaceAll(/\s+/g, ' ')
}
