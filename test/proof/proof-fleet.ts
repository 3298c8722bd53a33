import { dirname } from 'node:path'
import type { RoutingWord } from '../../src/manifest/words.ts'
import { type Family, familyOf, type Prefix, parsePrefix } from '../../src/net/prefix.ts'
import { type PrefixRange, parseRange } from '../../src/net/prefix-range.ts'
import { compilePlan } from '../../src/plan/compile/compile-plan.ts'
import { irrKey, type PlanFeeds } from '../../src/plan/compile/feeds.ts'
import type { NodePlan } from '../../src/plan/compile/plan.ts'
import type { VrpSet } from '../../src/plan/rpki/vrp-set.ts'
import type { Fleet } from '../../src/plan/sites/fleet.ts'
import { parseFleet } from '../../src/plan/sites/parse.ts'
import { ConfigError } from '../../src/text/issue.ts'
import { versionLine } from '../installed-version.ts'
import { createVrpSet } from '../unit/plan/rpki/vrps.ts'
import { cacheAddress, nodeAddresses } from './bed.ts'

export type DaemonKind = 'bird' | 'frr'

export const ourAsn = 60000
/** Of one session. */
export const localAsn = 60001
export const cachePort = 3323

/**
 * The prefixes that this fleet originates: not in the ranges reserved for documentation, so that all of those stay
 * hostile.
 */
export const own = {
  ipv4: {
    covering: '99.99.0.0/24',
    host: '99.99.0.1/32',
    other: '99.98.0.0/22',
    third: '99.97.0.0/24',
    always: '99.96.0.0/24',
  },
  ipv6: {
    covering: '2999:99::/48',
    host: '2999:99::1/128',
    other: '2999:98::/44',
    third: '2999:97::/48',
    always: '2999:96::/48',
  },
} as const

/** Announced by the daemon itself, in any state of the services: a prefix, and a host route. */
export const alwaysAnnounced = [own.ipv4.always, own.ipv6.always, '99.95.0.9/32', '2999:95::9/128'] as const

/** Bogons that this fleet accepts: one whole range, and a part of another. */
export const allowedBogons = ['198.51.100.0/24', '10.20.0.0/16', '3fff::/20', '2001:db8:20::/44'] as const

export interface ProofNeighbor {
  readonly name: string
  readonly family: Family
  readonly asn: number
  readonly address: string
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
  ipv4: { only: '99.0.0.0/8 le 24', reject: '99.3.0.0/16 ge 20 le 24', irr: ['99.0.0.0/10 ge 20 le 24'] },
  ipv6: { only: '2999::/16 le 48', reject: '2999:3::/32 ge 40 le 48', irr: ['2999::/18 ge 36 le 48'] },
} as const

/** Other networks, so that FRR has the lists of a rule in several parts. */
const networksIn = (family: 'ipv4' | 'ipv6', first: number) =>
  Array.from({ length: 110 }, (_, index) =>
    family === 'ipv4' ? `${first}.${index}.0.0/24` : `29${first}:${index}::/48`,
  )

export const neighbors: readonly ProofNeighbor[] = (['ipv4', 'ipv6'] as const).flatMap((family) =>
  perKind.map(([name, asn, yaml], index): ProofNeighbor => {
    const { only, reject } = strictRanges[family]
    return {
      name: `${name}${family.slice(3)}`,
      family,
      asn,
      address: family === 'ipv4' ? `10.77.1.${index + 1}` : `fd77::1:${(index + 1).toString(16)}`,
      yaml: yaml
        .replaceAll(/\s+/g, ' ')
        .replace('ONLY', only)
        .replace('REJECT', [...networksIn(family, 97), reject].join(', '))
        // IPv4 has no such rule.
        .replace('relax: [', family === 'ipv6' ? 'relax: [global-unicast, ' : 'relax: ['),
      internal: asn === ourAsn,
    }
  }),
)

/** Of the neighbors' side and no session's. */
export const otherAddresses = { ipv4: '10.77.2.1', ipv6: 'fd77::2:1' } as const

const vrpLines: readonly (readonly [prefix: string, maxLength: number, asn: number])[] = [
  ['99.200.0.0/16', 20, 7000],
  ['99.200.16.0/20', 24, 7001],
  ['99.201.0.0/16', 24, 0],
  ['99.202.0.0/16', 16, 400700],
  ['99.203.0.0/16', 24, ourAsn],
  ['99.204.0.0/16', 32, 3000],
  ['2999:200::/32', 36, 7000],
  ['2999:200:1000::/36', 48, 7001],
  ['2999:201::/32', 48, 0],
  ['2999:202::/32', 32, 400700],
  ['2999:203::/32', 48, ourAsn],
  ['2999:204::/32', 128, 3000],
  // Our own: one announcement is valid, one is invalid, one is not found.
  ['99.99.0.0/24', 24, ourAsn],
  ['2999:99::/48', 48, ourAsn],
  ['99.98.0.0/22', 22, 9999],
  ['2999:98::/44', 44, 9999],
  // Valid where the origin is that of one session.
  ['99.98.0.0/22', 22, localAsn],
  ['2999:98::/44', 44, localAsn],
]

export const vrps: VrpSet = createVrpSet(
  vrpLines.map(([text, maxLength, asn]) => ({ prefix: parse(text), maxLength, asn })),
)

const feeds: PlanFeeds = {
  irr: new Map(
    (['ipv4', 'ipv6'] as const).map((family) => [
      irrKey({ type: 'file', file: 'strict.txt' }, family),
      [...networksIn(family, 98), ...strictRanges[family].irr].map(rangeOf),
    ]),
  ),
  vrps: null,
}

interface NodeOptions {
  readonly routing?: RoutingWord
  /** The text of extra files, by their place. */
  readonly extra?: Readonly<Record<string, string>>
}

/** Read from YAML, like every fleet. */
export function planNode(
  daemon: DaemonKind,
  dir: string,
  socketPath: string,
  chosen: readonly ProofNeighbor[] = neighbors,
  { routing = 'managed', extra = {} }: NodeOptions = {},
): NodePlan {
  const { nodes } = compilePlan(
    parseProofFleet(daemon, chosen, { routing, extra }),
    () => ({
      paths: {
        daemonSocket: socketPath,
        announceFile: daemon === 'bird' ? `${dir}/announce.conf` : null,
        configFile: `${dir}/unused.conf`,
        bundleDir: `${dir}/unused`,
        runtimeDir: dir,
        stateDir: dir,
      },
      listen: [],
      // bgpd's user can write only beside its socket.
      logFile: `${dirname(socketPath)}/daemon.log`,
    }),
    feeds,
  )
  return nodes[0]!
}

function parseProofFleet(
  daemon: DaemonKind,
  chosen: readonly ProofNeighbor[],
  options: Required<NodeOptions>,
): Fleet {
  const files = [
    { name: 'fleet.yaml', text: fleetYaml },
    { name: 'lab1.yaml', text: siteYaml(daemon, chosen, options) },
  ]
  const { fleet, issues } = parseFleet(files, (name) => ({ name, text: options.extra[name] ?? '' }))
  if (fleet === null) throw new ConfigError(issues.filter(({ severity }) => severity === 'error'))
  return fleet
}

const service = (
  port: number,
  anycast: readonly string[],
  covering: readonly string[],
  communities: readonly string[] = [],
) => `
    anycast: ${JSON.stringify(anycast)}
    covering: ${JSON.stringify(covering)}
    communities: ${JSON.stringify(communities)}
    wireguard:
      interface: wg${port % 10}
      port: ${port}
      publicKey: "F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao="
      addresses: [10.80.${port % 10}.1/24]
    probe: { privateKeyFile: /etc/anyward/probe.key, address: 10.80.${port % 10}.254 }`

const fleetYaml = `
asn: ${ourAsn}
bogons: { allow: ${JSON.stringify(allowedBogons)} }
communities: ["${ourAsn}:100", "${ourAsn}:100:1"]
services:
  vpn: ${service(51820, [own.ipv4.host, own.ipv6.host], [own.ipv4.covering, own.ipv6.covering])}
  other: ${service(51821, ['99.98.1.1/32', '2999:98:1::1/128'], [own.ipv4.other, own.ipv6.other], [`${ourAsn}:200`])}
  third: ${service(51822, ['99.97.0.1/32', '2999:97::1/128'], [own.ipv4.third, own.ipv6.third], [`${ourAsn}:300`, `rt:${ourAsn}:300`, `rt:${ourAsn}:7`, `${ourAsn}:100:3`, `${ourAsn}:100`])}
rpki:
  caches: [{ host: ${cacheAddress}, port: ${cachePort} }]
`

/** Of an attached node, its own configuration has these settings. */
const ownSettings = / role: \w+,?|, tighten: \{ notFound: reject \}/g

function siteYaml(
  daemon: DaemonKind,
  chosen: readonly ProofNeighbor[],
  { routing, extra }: Required<NodeOptions>,
): string {
  const lines = chosen.map(({ name, asn, address, yaml, family }) => {
    const ends = `address: "${address}", localAddress: "${nodeAddresses[family]}"`
    const rest = routing === 'managed' ? `limit: 5000, ${yaml}` : yaml.replaceAll(ownSettings, '')
    return `      - { name: ${name}, asn: ${asn}, ${ends}, ${rest} }`
  })
  const always = routing === 'managed' ? `alwaysAnnounce: ${JSON.stringify(alwaysAnnounced)}` : ''
  return `
site: lab1
nodes:
  - name: lab1-a
    daemon: ${daemon}
    ${versionLine(daemon)}
    routing: ${routing}
    extra: [${Object.keys(extra).map((at) => `{ file: ${at}, at: ${at} }`)}]
    routerId: 10.77.0.1
    services: [vpn, other, third]
    ${always}
    neighbors:
${lines.join('\n')}
`
}

export function parse(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (!parsed.ok) throw new TypeError(`${text} ${parsed.problem}`)
  return parsed.value
}

function rangeOf(text: string): PrefixRange {
  const parsed = parseRange(text)
  if (!parsed.ok) throw new TypeError(`${text} ${parsed.problem}`)
  return parsed.value
}

export function isOfFamily(family: Family): (text: string) => boolean {
  return (text) => familyOf(text) === family
}
