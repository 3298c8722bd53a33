import { dirname } from 'node:path'
import type { RoutingWord } from '../../../src/manifest/words.ts'
import { familyOf, type Prefix, parsePrefix } from '../../../src/net/prefix.ts'
import { type PrefixRange, parseRange } from '../../../src/net/prefix-range.ts'
import { compilePlan } from '../../../src/plan/compile/compile-plan.ts'
import { irrKey, type PlanFeeds } from '../../../src/plan/compile/feeds.ts'
import type { NodePlan } from '../../../src/plan/compile/plan.ts'
import type { VrpSet } from '../../../src/plan/rpki/vrp-set.ts'
import { hasFeature } from '../../../src/plan/sites/checks/versions.ts'
import type { Fleet } from '../../../src/plan/sites/fleet.ts'
import { parseFleet } from '../../../src/plan/sites/parse.ts'
import { ConfigError } from '../../../src/text/issue.ts'
import { installedVersion, versionLine } from '../../installed-version.ts'
import { createVrpSet } from '../../unit/plan/rpki/vrps.ts'
import { cacheAddress, isLinkLocal, nodeAddresses } from '../bed/links.ts'
import { neighbors, type ProofNeighbor, sessionsOf, withoutImport } from './neighbors.ts'
import { allowedBogons, alwaysAnnounced, cachePort, localAsn, networksIn, ourAsn, own } from './resources.ts'

export type DaemonKind = 'bird' | 'frr'

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

const registered = {
  ipv4: ['99.0.0.0/10 ge 20 le 24'],
  ipv6: ['2999::/18 ge 36 le 48'],
} as const

const feeds: PlanFeeds = {
  irr: new Map(
    (['ipv4', 'ipv6'] as const).map((family) => [
      irrKey({ type: 'file', file: 'strict.txt' }, family),
      [...networksIn(family, 98), ...registered[family]].map(rangeOf),
    ]),
  ),
  vrps: null,
}

interface NodeOptions {
  readonly routing?: RoutingWord
  /** Of the prefixes accepted from each neighbor, for each family. */
  readonly limit?: number
  /** The text of extra files, by their place. */
  readonly extra?: Readonly<Record<string, string>>
}

/** Read from YAML, like every fleet. */
export function planNode(
  daemon: DaemonKind,
  dir: string,
  socketPath: string,
  chosen: readonly ProofNeighbor[] = neighbors,
  { routing = 'managed', limit = 5000, extra = {} }: NodeOptions = {},
): NodePlan {
  const { nodes } = compilePlan(
    parseProofFleet(daemon, chosen, { routing, limit, extra }),
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
  { routing, limit, extra }: Required<NodeOptions>,
): string {
  const lines = sessionsOf(chosen).map((neighbor) => {
    const { name, asn } = neighbor
    const yaml = takesNone(daemon, routing, neighbor) ? withoutImport(neighbor.yaml) : neighbor.yaml
    const rest = routing === 'managed' ? `limit: ${limit}, ${yaml}` : yaml.replaceAll(ownSettings, '')
    return `      - { name: ${name}, asn: ${asn}, ${endsOf(neighbor)}, ${rest} }`
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

/** This version of FRR does not use the routes of a neighbor that is named by its link-local address. */
function takesNone(
  daemon: DaemonKind,
  routing: RoutingWord,
  { address, unnumbered }: ProofNeighbor,
): boolean {
  const daemonVersion = installedVersion(daemon)
  const isNamed = isLinkLocal(address) && !unnumbered
  return isNamed && routing === 'managed' && hasFeature({ daemon, daemonVersion }, 'next-hop-of-link')
}

function endsOf({ address, link, unnumbered }: ProofNeighbor): string {
  if (unnumbered) return `interface: ${link}`
  if (isLinkLocal(address)) return `address: "${address}", interface: ${link}`
  const family = familyOf(address)!
  return `address: "${address}", localAddress: "${nodeAddresses[family]}"`
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
