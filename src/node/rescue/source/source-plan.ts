import { type Hop, type KernelRoute, mainTable, type PolicyRule } from '../../../linux/policy-routing.ts'
import type { Family } from '../../../net/prefix.ts'

/** By this number, as routing protocol, our rules and routes are known from all others. */
export const ownProtocol = '51'

/** Behind the rules of an engineer, which usually have small numbers, and before those of the main table. */
const priority = { anycast: 5190, withSource: 5191, withoutSource: 5192, end: 5193 } as const

/** No two services of a node have the same port. The number of a table has 32 bits, and is another for each family. */
export function tableOf(port: number): number {
  return 5_100_000 + port
}

/** A service, of one family. */
export interface SourceService {
  readonly name: string
  readonly port: number
  /** The anycast addresses of the family that are on the node; the first is the source. */
  readonly present: readonly string[]
}

/** A neighbor that the prefixes of services are announced to. */
export interface SourceNeighbor {
  readonly name: string
  /** `null`: unnumbered. */
  readonly address: string | null
  /** Of a link-local or unnumbered session. */
  readonly interface: string | null
  readonly vrf: string | null
  /** Whether it forwards packets to anywhere: a route server and a peer do not. */
  readonly isGateway: boolean
}

/** What was read of a family. */
export interface SourceView {
  readonly family: Family
  /** Those of the family, the best first. */
  readonly neighbors: readonly SourceNeighbor[]
  /** Whether every neighbor of the family is in a VRF. */
  readonly isInVrfs: boolean
  /** The route to each neighbor, by its name. */
  readonly neighborRoutes: ReadonlyMap<string, KernelRoute>
  /** The default route of each VRF that has one. */
  readonly vrfDefaults: ReadonlyMap<string, KernelRoute>
  /** All routes of a table; of a large one those to networks of the node, and static ones. */
  readonly tables: ReadonlyMap<number, readonly KernelRoute[]>
  /** The addresses of each interface. */
  readonly addressesOf: (name: string) => readonly string[]
}

export interface SourcePlan {
  readonly routes: readonly KernelRoute[]
  /**
   * Whether packets with an anycast source need it too, because the node's own routing has no way out for them. Those
   * with another source never do.
   */
  readonly forAnycast: boolean
  /** The VRF whose IPv6 routes take no source, because the anycast address is not in it. */
  readonly vrfWithoutAddress: string | null
}

/**
 * The routes of the table of a service: those that packets from its anycast address take, with that address as source.
 * @param own the default route of such packets; `null`: there is none
 */
export function planSource(service: SourceService, own: KernelRoute | null, view: SourceView): SourcePlan {
  const networks = withoutDefaults(view.tables.get(mainTable))
  const uplink = own === null ? null : findUplink(own, view)
  if (own !== null && uplink !== null) {
    const routes = [own, ...(view.tables.get(own.table) ?? [])]
    if (uplink.vrf === null) return plan(routes, service.present[0]!)
    return { ...planForVrf(routes, uplink.vrf, service, view), forAnycast: false }
  }
  const [inVrf] = view.vrfDefaults
  if (inVrf !== undefined) {
    const [vrf, route] = inVrf
    return planForVrf([route, ...(view.tables.get(route.table) ?? []), ...networks], vrf, service, view)
  }
  const ways = view.neighbors.flatMap((neighbor, at) => readGateway(neighbor, at + 1, view))
  const routes = [...ways.map(({ route }) => route), ...networks]
  const vrf = ways[0]?.vrf ?? null
  return vrf === null ? plan(routes, service.present[0]!) : planForVrf(routes, vrf, service, view)
}

/** `null`: the neighbors are all in VRFs, and this default route leads to another network, such as that of the management. */
function findUplink(
  own: KernelRoute,
  { isInVrfs, neighbors, neighborRoutes, vrfDefaults }: SourceView,
): { readonly vrf: string | null } | null {
  if (!isInVrfs) return { vrf: null }
  const devices = new Set(devicesOf(own))
  const vrfs = neighbors.flatMap(({ name, interface: link, vrf }) => {
    if (vrf === null) return []
    const routes = [neighborRoutes.get(name) ?? [], vrfDefaults.get(vrf) ?? []].flat()
    const uplinks = [vrf, link ?? [], ...routes.flatMap(devicesOf)].flat()
    return uplinks.some((name) => devices.has(name)) ? [vrf] : []
  })
  return vrfs.length === 0 ? null : { vrf: vrfs[0]! }
}

function devicesOf({ hops }: KernelRoute): string[] {
  return hops.map(({ dev }) => dev)
}

/** A default route by way of a neighbor. */
function readGateway(
  { name, address, interface: link, vrf, isGateway }: SourceNeighbor,
  metric: number,
  { neighborRoutes }: SourceView,
): { readonly route: KernelRoute; readonly vrf: string | null }[] {
  const hop = link === null ? neighborRoutes.get(name)?.hops[0] : { dev: link, via: address }
  const via = hop?.via ?? address
  if (!isGateway || hop === undefined || via === null || hop.dev === 'lo') return []
  const route = {
    dst: 'default',
    table: mainTable,
    hops: [{ via, dev: hop.dev, weight: 1 }],
    metric,
  } as const
  return [{ route: { ...route, type: 'unicast', prefsrc: null, isSpecial: false, protocol: null }, vrf }]
}

function planForVrf(
  routes: readonly KernelRoute[],
  vrf: string,
  { present }: SourceService,
  { family, addressesOf }: SourceView,
): SourcePlan {
  // For IPv6 the kernel refuses a source that is on no interface of the VRF.
  const devices = [vrf, ...routes.slice(0, 1).flatMap(devicesOf)]
  const inside = devices.flatMap(addressesOf)
  const source = family === 'ipv4' ? present[0]! : (present.find((one) => inside.includes(one)) ?? null)
  return {
    ...plan(routes, source),
    forAnycast: true,
    vrfWithoutAddress: source === null ? vrf : null,
  }
}

function plan(routes: readonly KernelRoute[], source: string | null): SourcePlan {
  const byKey = new Map<string, KernelRoute>()
  for (const route of routes) {
    const key = keyOf(route)
    // The kernel has one route of a destination and metric, and the first of ours counts.
    if (isCopied(route) && !byKey.has(key)) byKey.set(key, { ...route, prefsrc: source })
  }
  return { routes: [...byKey.values()], forAnycast: false, vrfWithoutAddress: null }
}

function isDefault({ dst }: KernelRoute): boolean {
  return dst === 'default'
}

function withoutDefaults(routes: readonly KernelRoute[] = []): KernelRoute[] {
  return routes.filter((route) => !isDefault(route))
}

/** A name of `ip link` may have characters that a batch of `ip` reads as quotes or as a comment. */
const plainName = /^\w[\w.-]*$/

function isCopied({ type, dst, hops, isSpecial }: KernelRoute): boolean {
  if (isSpecial || type === 'other' || /^f[ef]/i.test(dst)) return false
  if (type !== 'unicast') return true
  return hops.length > 0 && hops.every(({ dev }) => plainName.test(dev) && dev !== 'lo')
}

export function keyOf({ dst, metric }: KernelRoute): string {
  return `${dst} ${metric}`
}

/** The arguments of `ip route replace`, and what two equal routes have in common. */
export function describeRoute(
  { type, dst, hops, metric, prefsrc }: KernelRoute,
  table: number,
  family: Family,
): string {
  const options = [
    ...(type !== 'unicast' || prefsrc === null ? [] : [`src ${prefsrc}`]),
    ...(metric === 0 ? [] : [`metric ${metric}`]),
    `table ${table} protocol ${ownProtocol}`,
  ].join(' ')
  if (type !== 'unicast') return `${type} ${dst} ${options}`
  if (hops.length === 1) return `${dst} ${describeHop(hops[0]!, family)} ${options}`
  // The next hops come last.
  const several = hops.map((hop) => `nexthop ${describeHop(hop, family, true)}`)
  return `${dst} ${options} ${several.join(' ')}`
}

/** `onlink`: the gateway needs no route of its own in the table. */
function describeHop({ via, dev, weight }: Hop, family: Family, isWeighted = false): string {
  const share = isWeighted ? ` weight ${weight}` : ''
  if (via === null) return `dev ${dev}${share}`
  return `via ${family === 'ipv4' && via.includes(':') ? 'inet6 ' : ''}${via} dev ${dev}${share} onlink`
}

/**
 * The rules of a family, as the arguments of `ip rule add`, in the order in which they are added. A rule of IPv4 can
 * match packets without a source, one of IPv6 cannot: there, all others jump over them.
 */
export function planRules(
  family: Family,
  services: readonly (SourceService & Pick<SourcePlan, 'forAnycast'>)[],
): string[] {
  if (services.length === 0) return []
  const ofPort = ({ port }: SourceService) => `ipproto 17 sport ${port} lookup ${tableOf(port)} ${own}`
  const anycast = services
    .filter(({ forAnycast }) => forAnycast)
    .flatMap((service) =>
      service.present.map(
        (address) => `pref ${priority.anycast} from ${address}/${lengthOf(family)} ${ofPort(service)}`,
      ),
    )
  if (family === 'ipv4') {
    return [
      ...anycast,
      ...services.map((service) => `pref ${priority.withoutSource} from 0.0.0.0/32 ${ofPort(service)}`),
    ]
  }
  return [
    ...anycast,
    ...sharedRules,
    ...services.map((service) => `pref ${priority.withoutSource} ${ofPort(service)}`),
  ]
}

const own = `protocol ${ownProtocol}`

/** Of IPv6, for all services. */
export const sharedRules: readonly string[] = [
  `pref ${priority.end} nop ${own}`,
  `pref ${priority.withSource} from ::/1 goto ${priority.end} ${own}`,
  `pref ${priority.withSource} from 8000::/1 goto ${priority.end} ${own}`,
]

function lengthOf(family: Family): number {
  return family === 'ipv4' ? 32 : 128
}

/** The same, of a rule that is there. */
export function describeRule({ priority: pref, from, protocolOfIp, sport, action }: PolicyRule): string {
  const parts = [
    `pref ${pref}`,
    ...(from === null ? [] : [`from ${from}`]),
    ...(protocolOfIp === null ? [] : [`ipproto ${protocolOfIp}`]),
    ...(sport === null ? [] : [`sport ${sport}`]),
  ]
  if ('lookup' in action) parts.push(`lookup ${action.lookup}`)
  else if ('goto' in action) parts.push(`goto ${action.goto}`)
  else if ('nop' in action) parts.push('nop')
  return [...parts, own].join(' ')
}
