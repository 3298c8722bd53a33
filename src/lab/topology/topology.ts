import { Address, type Family, InterfaceAddress } from '../../net/prefix.ts'
import { type Fleet, type FleetNode, familiesOf, type Neighbor, type Site } from '../../plan/sites/fleet.ts'
import { constantAddress } from './addresses.ts'
import { placeCaches } from './caches.ts'
import { placeClients } from './client-placement.ts'
import { refuseLabAddresses } from './lab-networks.ts'
import type { LabNode, LabRouter, NodeLink, PointToPoint, Topology } from './model.ts'
import { maxFolderLength, uniqueNames } from './names.ts'
import { joinNodes } from './node-peers.ts'
import { placeStore } from './store-members.ts'
import { TopologyError } from './topology-error.ts'

const maxNamespaceLength = 60

/** Of the benchmarks' networks (RFC 2544, RFC 5180), as the clients': no fleet announces them. */
const coreNetwork = { ipv4: constantAddress('198.19.0.0'), ipv6: constantAddress('2001:2:0:8000::') }
const maxRouters = 2 ** 15

export function buildTopology(fleet: Fleet, withStore = false): Topology {
  const takeNamespace = uniqueNames(maxNamespaceLength)
  const fabricNamespace = takeNamespace('aw-fabric')
  const coreNamespace = takeNamespace('aw-core')
  const all = fleet.sites.flatMap((site) => site.nodes.map((node) => ({ site, node })))
  const management = managementOf(all.length)
  refuseLabAddresses(fleet)
  const peers = joinNodes(fleet)
  const isPeer = (node: FleetNode, neighbor: Neighbor) =>
    (peers.get(node.name) ?? []).some((peer) => peer.neighbor === neighbor.name)
  const { drafts, links } = wireNodes(fleet, isPeer)

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
      peers: peers.get(node.name) ?? [],
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
    caches: placeCaches(fleet, nodes.length),
    storeMembers: withStore ? placeStore(takeNamespace) : [],
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

/** @param isPeer whether this neighbor is another node, so that it needs no router */
function wireNodes(
  fleet: Fleet,
  isPeer: (node: FleetNode, neighbor: Neighbor) => boolean,
): { drafts: RouterDraft[]; links: NodeLink[] } {
  const drafts = new Map<string, RouterDraft>()
  // A link-local address is that of many routers, so their names distinguish these routers.
  const keyOf = (site: Site, { name, address, asn, interface: link }: Neighbor) =>
    `${site.name} ${link === null ? address : name} ${asn}`
  eachNeighbor(fleet, (site, node, neighbor) => {
    if (isPeer(node, neighbor)) return
    const key = keyOf(site, neighbor)
    if (drafts.has(key)) return
    drafts.set(key, {
      name: neighbor.name,
      site: site.name,
      node: node.name,
      neighbor: neighbor.name,
      asn: neighbor.asn,
      address: routerAddressOf(node, neighbor),
      index: drafts.size + 1,
    })
  })
  if (drafts.size > maxRouters) throw new TopologyError(`the lab supports at most ${maxRouters} neighbors`)
  nameRouters([...drafts.values()])

  const links: NodeLink[] = []
  const linksAtRouter = new Map<string, number>()
  eachNeighbor(fleet, (site, node, neighbor, nodeIndex, at) => {
    if (isPeer(node, neighbor)) return
    const router = drafts.get(keyOf(site, neighbor))!
    const atRouter = linksAtRouter.get(router.name) ?? 0
    linksAtRouter.set(router.name, atRouter + 1)
    links.push({
      node: node.name,
      neighbor: neighbor.name,
      router: router.name,
      family: routerAddressOf(node, neighbor).family,
      families: familiesOf(neighbor),
      bridge: `b${links.length + 1}`,
      nodeInterface: neighbor.interface ?? `up${at}`,
      vrf: neighbor.vrf,
      nodePort: `n${nodeIndex}u${at}`,
      routerInterface: `dn${atRouter}`,
      routerPort: `r${router.index}d${atRouter}`,
      nodeAddress: neighbor.localAddress ?? deriveLocalAddress(node, neighbor),
      routerAddress: routerAddressOf(node, neighbor),
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

/** The name in the YAML if it is unique in the whole fleet. */
function nameRouters(drafts: readonly RouterDraft[]): void {
  const uses = new Map<string, number>()
  for (const draft of drafts) uses.set(draft.neighbor, (uses.get(draft.neighbor) ?? 0) + 1)
  const take = uniqueNames(Number.POSITIVE_INFINITY)
  for (const draft of drafts) {
    draft.name = take(uses.get(draft.neighbor) === 1 ? draft.neighbor : `${draft.node}-${draft.neighbor}`)
  }
}

const firstOnLink = constantAddress('fe80::1')
const secondOnLink = constantAddress('fe80::2')

/** bgpd confuses two neighbors with one link-local address, also on different links. */
function routerAddressOf(node: FleetNode, { name, address }: Neighbor): Address {
  if (address !== null) return address
  const at = node.neighbors.findIndex((neighbor) => neighbor.name === name)
  return new Address('ipv6', firstOnLink.value + (BigInt(at + 1) << 16n))
}

/** The address of the same pair (the last bit flipped), or the next that is free on the node. */
export function deriveLocalAddress(node: FleetNode, neighbor: Neighbor): Address {
  const taken = node.neighbors.flatMap((other) => [
    routerAddressOf(node, other).toString(),
    ...(other.localAddress === null ? [] : [other.localAddress.toString()]),
  ])
  const { family, value } = routerAddressOf(node, neighbor)
  if (neighbor.interface !== null) return value === secondOnLink.value ? firstOnLink : secondOnLink
  let candidate = new Address(family, value ^ 1n)
  for (let step = 2n; taken.includes(candidate.toString()); step++) {
    candidate = new Address(family, value ^ step)
  }
  return candidate
}

function managementOf(nodes: number): (index: number) => InterfaceAddress {
  const [base, length] = nodes <= 250 ? (['100.127.77.1', 24] as const) : (['100.127.64.1', 20] as const)
  if (nodes > 4000) throw new TopologyError('the lab supports at most 4000 nodes')
  const first = constantAddress(base)
  return (index) => new InterfaceAddress(new Address('ipv4', first.value + BigInt(index)), length)
}

function coreLinkOf(family: Family, index: number): PointToPoint {
  const base = coreNetwork[family].value + BigInt(index * 2)
  return { core: new Address(family, base), router: new Address(family, base + 1n) }
}
