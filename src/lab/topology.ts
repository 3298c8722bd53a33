import { Address, type Family, InterfaceAddress, parseAddress } from '../net/prefix.ts'
import type { Fleet, FleetNode, Neighbor, Service, Site } from '../sites/fleet.ts'

/** Who lives in which network namespace, and what joins them. The same fleet gives the same topology. */
export interface Topology {
  /** Holds a bridge for each link, so that cutting one end leaves the other end's carrier alone. */
  readonly fabricNamespace: string
  /** Stands for the internet between the sites. */
  readonly coreNamespace: string
  /** The host's own address on the management network, and its length. */
  readonly managementAddress: InterfaceAddress
  readonly nodes: readonly LabNode[]
  readonly routers: readonly LabRouter[]
  readonly clients: readonly LabClient[]
}

export interface LabNode {
  readonly name: string
  readonly site: string
  readonly daemon: 'bird' | 'frr'
  /** From 1; names its ports and makes its WireGuard interfaces unique on the machine. */
  readonly index: number
  readonly namespace: string
  /** Its folder's name below the lab's, short enough for Unix sockets. */
  readonly folder: string
  readonly managementAddress: InterfaceAddress
  readonly links: readonly NodeLink[]
}

/** One session's wire: node -- bridge -- router. */
export interface NodeLink {
  readonly node: string
  /** The neighbor's name in the YAML. */
  readonly neighbor: string
  readonly router: string
  readonly family: Family
  readonly bridge: string
  readonly nodeInterface: string
  readonly nodePort: string
  readonly routerInterface: string
  readonly routerPort: string
  readonly nodeAddress: Address
  readonly routerAddress: Address
  /** The session's protocol in the router's BIRD. */
  readonly protocol: string
}

/** A neighbor of one node, or of several nodes of a site. */
export interface LabRouter {
  readonly name: string
  readonly site: string
  readonly asn: number
  readonly address: Address
  readonly index: number
  readonly namespace: string
  readonly folder: string
  readonly links: readonly NodeLink[]
  readonly coreLink: Readonly<Record<Family, PointToPoint>>
}

export interface PointToPoint {
  readonly router: Address
  readonly core: Address
}

export interface LabClient {
  readonly name: string
  readonly site: string
  readonly service: string
  readonly index: number
  readonly namespace: string
  readonly folder: string
  readonly interface: string
  /** The router that it hangs on; `null`: on the core. */
  readonly router: string | null
  /** The wire to that router: its own address and the router's. */
  readonly underlay: Readonly<Record<Family, { readonly client: Address; readonly gateway: Address }>>
  readonly tunnelAddress: InterfaceAddress
  /** The server's address inside the tunnel. */
  readonly server: Address
}

/** What a fleet asks of the lab that it can not do. */
export class TopologyError extends Error {
  override readonly name = 'TopologyError'
}

const maxNamespaceLength = 60
const maxFolderLength = 40
/** IFNAMSIZ is 16, with the closing zero. */
const maxInterfaceLength = 15

/** 198.18.0.0/15 and 2001:2::/48 are for benchmarks (RFC 2544, RFC 5180): no fleet announces them. */
const clientNetwork = { ipv4: addressOf('198.18.0.0'), ipv6: addressOf('2001:2::') }
const coreNetwork = { ipv4: addressOf('198.19.0.0'), ipv6: addressOf('2001:2:0:8000::') }
const maxClients = 2 ** 14
const maxRouters = 2 ** 15

export function buildTopology(fleet: Fleet): Topology {
  const takeNamespace = uniqueNames(maxNamespaceLength)
  const fabricNamespace = takeNamespace('aw-fabric')
  const coreNamespace = takeNamespace('aw-core')
  const all = fleet.sites.flatMap((site) => site.nodes.map((node) => ({ site, node })))
  const management = managementOf(all.length)
  const { drafts, links } = wireNodes(fleet)

  const takeNodeFolder = uniqueNames(maxFolderLength)
  const nodes = all.map(({ site, node }, at): LabNode => {
    return {
      name: node.name,
      site: site.name,
      daemon: node.daemon,
      index: at + 1,
      namespace: takeNamespace(`aw-${node.name}`),
      folder: takeNodeFolder(node.name),
      managementAddress: management(at + 1),
      links: links.filter((link) => link.node === node.name),
    }
  })
  const takeRouterFolder = uniqueNames(maxFolderLength)
  const routers = drafts.map((draft): LabRouter => {
    return {
      name: draft.name,
      site: draft.site,
      asn: draft.asn,
      address: draft.address,
      index: draft.index,
      namespace: takeNamespace(`aw-${draft.name}`),
      folder: takeRouterFolder(draft.name),
      links: links.filter((link) => link.router === draft.name),
      coreLink: { ipv4: coreLinkOf('ipv4', draft.index), ipv6: coreLinkOf('ipv6', draft.index) },
    }
  })
  return {
    fabricNamespace,
    coreNamespace,
    managementAddress: management(0),
    nodes,
    routers,
    clients: placeClients(fleet, routers, takeNamespace),
  }
}

interface RouterDraft {
  name: string
  readonly site: string
  readonly node: string
  readonly neighbor: string
  readonly asn: number
  readonly address: Address
  readonly index: number
}

function wireNodes(fleet: Fleet): { drafts: RouterDraft[]; links: NodeLink[] } {
  const drafts = new Map<string, RouterDraft>()
  const keyOf = (site: Site, neighbor: Neighbor) => `${site.name} ${neighbor.address} ${neighbor.asn}`
  eachNeighbor(fleet, (site, node, neighbor) => {
    const key = keyOf(site, neighbor)
    if (drafts.has(key)) return
    drafts.set(key, {
      name: neighbor.name,
      site: site.name,
      node: node.name,
      neighbor: neighbor.name,
      asn: neighbor.asn,
      address: neighbor.address,
      index: drafts.size + 1,
    })
  })
  if (drafts.size > maxRouters) throw new TopologyError(`the lab has room for ${maxRouters} neighbors`)
  nameRouters([...drafts.values()])

  const links: NodeLink[] = []
  const linksAtRouter = new Map<string, number>()
  eachNeighbor(fleet, (site, node, neighbor, nodeIndex, at) => {
    const router = drafts.get(keyOf(site, neighbor))!
    const atRouter = linksAtRouter.get(router.name) ?? 0
    linksAtRouter.set(router.name, atRouter + 1)
    links.push({
      node: node.name,
      neighbor: neighbor.name,
      router: router.name,
      family: neighbor.address.family,
      bridge: `b${links.length + 1}`,
      nodeInterface: `up${at}`,
      nodePort: `n${nodeIndex}u${at}`,
      routerInterface: `dn${atRouter}`,
      routerPort: `r${router.index}d${atRouter}`,
      nodeAddress: neighbor.localAddress ?? deriveLocalAddress(node, neighbor),
      routerAddress: neighbor.address,
      protocol: `n${nodeIndex}s${at}`,
    })
  })
  return { drafts: [...drafts.values()], links }
}

function eachNeighbor(
  fleet: Fleet,
  visit: (site: Site, node: FleetNode, neighbor: Neighbor, nodeIndex: number, at: number) => void,
): void {
  let nodeIndex = 0
  for (const site of fleet.sites) {
    for (const node of site.nodes) {
      nodeIndex++
      for (const [at, neighbor] of node.neighbors.entries()) visit(site, node, neighbor, nodeIndex, at)
    }
  }
}

/** The YAML's own name where it means one router in the whole fleet. */
function nameRouters(drafts: readonly RouterDraft[]): void {
  const uses = new Map<string, number>()
  for (const draft of drafts) uses.set(draft.neighbor, (uses.get(draft.neighbor) ?? 0) + 1)
  const take = uniqueNames(Number.POSITIVE_INFINITY)
  for (const draft of drafts) {
    draft.name = take(uses.get(draft.neighbor) === 1 ? draft.neighbor : `${draft.node}-${draft.neighbor}`)
  }
}

/** The address of the same pair (the last bit flipped), or the next that nobody on the node has. */
export function deriveLocalAddress(node: FleetNode, neighbor: Neighbor): Address {
  const taken = node.neighbors.flatMap((other) => [
    other.address.toString(),
    ...(other.localAddress === null ? [] : [other.localAddress.toString()]),
  ])
  const { family, value } = neighbor.address
  let candidate = new Address(family, value ^ 1n)
  for (let step = 2n; taken.includes(candidate.toString()); step++) {
    candidate = new Address(family, value ^ step)
  }
  return candidate
}

function managementOf(nodes: number): (index: number) => InterfaceAddress {
  const [base, length] = nodes <= 250 ? (['169.254.77.1', 24] as const) : (['169.254.64.1', 20] as const)
  if (nodes > 4000) throw new TopologyError('the lab has room for 4000 nodes')
  const first = addressOf(base)
  return (index) => new InterfaceAddress(new Address('ipv4', first.value + BigInt(index)), length)
}

function coreLinkOf(family: Family, index: number): PointToPoint {
  const base = coreNetwork[family].value + BigInt(index * 2)
  return { core: new Address(family, base), router: new Address(family, base + 1n) }
}

function placeClients(
  fleet: Fleet,
  routers: readonly LabRouter[],
  takeNamespace: (name: string) => string,
): LabClient[] {
  const taken = new Map<string, Set<string>>()
  const takeFolder = uniqueNames(maxFolderLength)
  const clients: LabClient[] = []
  for (const site of fleet.sites) {
    const service = serviceOf(fleet, site)
    if (service === null) continue
    const index = clients.length + 1
    if (index > maxClients) throw new TopologyError(`the lab has room for ${maxClients} sites`)
    const ipv4 = clientNetwork.ipv4.value + BigInt(index * 4)
    const ipv6 = clientNetwork.ipv6.value + (BigInt(index) << 64n)
    const tunnel = service.wireguard.addresses[0]!
    clients.push({
      name: `client-${site.name}`,
      site: site.name,
      service: service.name,
      index,
      namespace: takeNamespace(`aw-client-${site.name}`),
      folder: takeFolder(site.name),
      interface: `wgc${index}`,
      router: nearestRouter(site, service, routers),
      underlay: {
        ipv4: { gateway: new Address('ipv4', ipv4 + 1n), client: new Address('ipv4', ipv4 + 2n) },
        ipv6: { gateway: new Address('ipv6', ipv6 + 1n), client: new Address('ipv6', ipv6 + 2n) },
      },
      tunnelAddress: freeTunnelAddress(service, taken),
      server: tunnel.address,
    })
  }
  return clients
}

function serviceOf(fleet: Fleet, site: Site): Service | null {
  const served = new Set(site.nodes.flatMap((node) => node.services))
  return fleet.services.find((service) => served.has(service.name)) ?? fleet.services[0] ?? null
}

/** The name of the router that the site's client hangs on: eBGP and the endpoint's family come first. */
function nearestRouter(site: Site, service: Service, routers: readonly LabRouter[]): string | null {
  const family = service.anycast[0]!.family
  const neighbors = site.nodes.flatMap((node) => node.neighbors)
  const nearest =
    neighbors.find((neighbor) => neighbor.kind !== 'ibgp' && neighbor.address.family === family) ??
    neighbors.find((neighbor) => neighbor.kind !== 'ibgp') ??
    neighbors[0]
  if (nearest === undefined) return null
  const found = routers.find(
    (router) =>
      router.site === site.name && router.asn === nearest.asn && router.address.equals(nearest.address),
  )
  return found?.name ?? null
}

function freeTunnelAddress(service: Service, takenByService: Map<string, Set<string>>): InterfaceAddress {
  let taken = takenByService.get(service.name)
  if (taken === undefined) {
    const known = [...service.wireguard.addresses.map(({ address }) => address), service.probe.address]
    taken = new Set(known.map(String))
    takenByService.set(service.name, taken)
  }
  const { prefix, length } = service.wireguard.addresses[0]!
  for (let step = 2n; step < 2n ** 16n; step++) {
    const address = new Address(prefix.family, prefix.network.value + step)
    if (!prefix.contains(address)) break
    if (taken.has(address.toString())) continue
    taken.add(address.toString())
    return new InterfaceAddress(address, length)
  }
  throw new TopologyError(`service ${service.name}: its tunnel network ${prefix} has no address for a client`)
}

/** wireguard-go's control sockets share one folder on the whole machine, so `wg0` of node 3 is `wg0n3`. */
export function uniqueInterface(fleet: Fleet, service: Service, nodeIndex: number): string {
  const suffix = `n${nodeIndex}`
  const shorten = (name: string) => name.slice(0, maxInterfaceLength - suffix.length)
  const name = service.wireguard.interface
  const clashes = fleet.services.some(
    (other) => other !== service && shorten(other.wireguard.interface) === shorten(name),
  )
  return clashes ? `w${fleet.services.indexOf(service)}${suffix}` : `${shorten(name)}${suffix}`
}

/** Hands out names of at most that length, each once: a name taken already gets a number. */
export function uniqueNames(maxLength: number): (wanted: string) => string {
  const taken = new Set<string>()
  return (wanted) => {
    let name = wanted.slice(0, maxLength)
    for (let number = 2; taken.has(name); number++) {
      name = `${wanted.slice(0, maxLength - String(number).length - 1)}-${number}`
    }
    taken.add(name)
    return name
  }
}

function addressOf(text: string): Address {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new Error(`${text} ${parsed.problem}`)
  return parsed.value
}
