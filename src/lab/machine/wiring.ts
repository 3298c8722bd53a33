import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { vrfsOf } from '../../manifest/vrfs.ts'
import { type Address, type Family, families, isLinkLocal } from '../../net/prefix.ts'
import { type Fleet, familiesOf, type Service } from '../../plan/sites/fleet.ts'
import { batchLimitMs } from '../limits.ts'
import { labDir } from '../state.ts'
import { cacheNetwork } from '../topology/caches.ts'
import type { LabClient, LabNode, LabRouter, LabStoreMember, NodeLink, Topology } from '../topology/model.ts'
import { storeNetwork } from '../topology/store-members.ts'
import { unicastOf, usesIpv6 } from '../topology/unicast.ts'
import { createNamespaces, enableForwarding, enter, firstLines, ipBatch, runForEach } from './namespaces.ts'
import { managementLink, namespacesOf } from './prepare.ts'

const managementInterface = 'mgmt0'
/** The default routes by each link of a node. */
const returnTable = 5182
/** The first of the tables of a node's VRFs. */
const firstVrfTable = 7001

/** The fleet's packets must not use the management network. */
const managementFilter = `table inet anyward_lab {
  chain forward {
    type filter hook forward priority 0
    iifname "${managementInterface}" drop
    oifname "${managementInterface}" drop
  }
}
`

/** Creates the namespaces, the links between them and their addresses. */
export async function wireTopology(fleet: Fleet, topology: Topology, signal: AbortSignal): Promise<void> {
  await createNamespaces(namespacesOf(topology), signal)
  const { nodes, routers, clients, fabricNamespace, coreNamespace } = topology
  // Before the interfaces are created: each copies the defaults.
  const routing = [...nodes, ...routers, ...clients].map(({ namespace }) => namespace)
  await enableForwarding([coreNamespace, ...routing], signal)
  await ipBatch(fabricNamespace, [...firstLines, ...fabricLines(topology)], signal)
  await ipBatch(coreNamespace, [...firstLines, ...coreLines(topology)], signal)
  await eachBatch(routers, (router) => [...firstLines, ...routerLines(router, clients)], signal)
  await ipBatch(null, managementLines(topology), signal)
  await ipBatch(fabricNamespace, ['link set host master mgmt up'], signal)
  await acceptFromVrfs(
    nodes.filter(({ links }) => vrfsOf(links).length > 0),
    signal,
  )
  await eachBatch(
    nodes,
    (node) => [...firstLines, ...nodeLines(fleet, node), ...returnLines(fleet, node)],
    signal,
  )
  await filterManagement(nodes, signal)
  await eachBatch(topology.storeMembers, (member) => [...firstLines, ...memberLines(member)], signal)
  await eachBatch(clients, (client) => [...firstLines, ...clientLines(client)], signal)
}

/** An `ip -batch` in each of these namespaces. */
async function eachBatch<T extends { readonly namespace: string }>(
  things: readonly T[],
  linesOf: (thing: T) => readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const batches = things.map((thing) => ({ namespace: thing.namespace, lines: linesOf(thing) }))
  const filled = batches.filter(({ lines }) => lines.length > 0)
  const dir = join(labDir, 'wiring', 'batches')
  await mkdir(dir, { recursive: true })
  await Promise.all(
    filled.map(({ namespace, lines }) => writeFile(join(dir, namespace), `${lines.join('\n')}\n`)),
  )
  const count = filled.reduce((sum, { lines }) => sum + lines.length, 0)
  await runForEach(
    filled.map(({ namespace }) => namespace),
    ['ip', '-n', '{}', '-batch', join(dir, '{}')],
    { timeoutMs: batchLimitMs(count), signal },
  )
}

/** WireGuard has no VRF of its own. */
async function acceptFromVrfs(nodes: readonly LabNode[], signal: AbortSignal): Promise<void> {
  await runForEach(
    nodes.map(({ namespace }) => namespace),
    enter('{}', ['sysctl', '-q', '-w', 'net.ipv4.udp_l3mdev_accept=1']),
    { timeoutMs: batchLimitMs(nodes.length), signal },
  )
}

async function filterManagement(nodes: readonly LabNode[], signal: AbortSignal): Promise<void> {
  const file = join(labDir, 'wiring', 'management.nft')
  await writeFile(file, managementFilter)
  await runForEach(
    nodes.map(({ namespace }) => namespace),
    enter('{}', ['nft', '-f', file]),
    { timeoutMs: batchLimitMs(nodes.length), signal },
  )
}

/**
 * wireguard-go before 0.0.20230223 replies only by the link on which the request arrived. The main table, whose default route
 * may use another link, comes first. UDP is 17: its name is in /etc/protocols, which a small Debian does not have.
 */
function returnLines(fleet: Fleet, node: LabNode): string[] {
  const links = node.links.filter(({ families, vrf }) => families.includes('ipv4') && vrf === null)
  return [
    ...links.map((link, at) => `route add ${viaRouter(link, 'ipv4')} metric ${at + 1} table ${returnTable}`),
    ...servicesOf(fleet, node).map(
      ({ wireguard }) => `rule add pref 32800 ipproto 17 sport ${wireguard.port} lookup ${returnTable}`,
    ),
  ]
}

function servicesOf(fleet: Fleet, node: LabNode): Service[] {
  const member = fleet.sites.flatMap(({ nodes }) => nodes).find(({ name }) => name === node.name)!
  return fleet.services.filter((service) => member.services.includes(service.name))
}

function fabricLines({ nodes, routers, caches, storeMembers, managementAddress }: Topology): string[] {
  const bridge = (name: string) => [`link add ${name} type bridge mcast_snooping 0`, `link set ${name} up`]
  const routerNamespaces = new Map(routers.map((router) => [router.name, router.namespace]))
  return [
    ...bridge('mgmt'),
    ...[...new Set(nodes.flatMap(({ peers }) => peers.map((peer) => peer.bridge)))].flatMap(bridge),
    ...caches.map(({ address }) => `addr add ${address}/32 dev mgmt`),
    `route add ${managementAddress.prefix} dev mgmt`,
    ...storeMembers.flatMap(({ namespace }, at) =>
      plug('mgmt', `s${at + 1}`, managementInterface, namespace),
    ),
    ...nodes.flatMap((node) => [
      ...plug('mgmt', `m${node.index}`, managementInterface, node.namespace),
      ...node.peers.flatMap((peer) => plug(peer.bridge, peer.port, peer.interface, node.namespace)),
      ...node.links.flatMap((link) => [
        ...bridge(link.bridge),
        ...plug(link.bridge, link.nodePort, link.nodeInterface, node.namespace),
        ...plug(link.bridge, link.routerPort, link.routerInterface, routerNamespaces.get(link.router)!),
      ]),
    ]),
  ]
}

/** A veth: one end in the bridge, the other in its namespace. */
function plug(bridge: string, port: string, name: string, namespace: string): string[] {
  return [
    `link add ${port} type veth peer name ${name} netns ${namespace}`,
    `link set ${port} master ${bridge} up`,
  ]
}

function coreLines({ routers, clients }: Topology): string[] {
  return [
    ...routers.flatMap((router) => [
      `link add r${router.index} type veth peer name core0 netns ${router.namespace}`,
      `link set r${router.index} up`,
      ...families.map((family) =>
        addPeer(`r${router.index}`, router.coreLink[family].core, router.coreLink[family].router),
      ),
    ]),
    ...clients.filter(({ router }) => router === null).flatMap(gatewayLines),
  ]
}

function routerLines(router: LabRouter, clients: readonly LabClient[]): string[] {
  return [
    'link set core0 up',
    ...families.map((family) =>
      addPeer('core0', router.coreLink[family].router, router.coreLink[family].core),
    ),
    ...router.links.flatMap((link) => [
      linkUp(link.routerInterface, link.routerAddress),
      addPeer(link.routerInterface, link.routerAddress, link.nodeAddress),
    ]),
    ...clients.filter((client) => client.router === router.name).flatMap(gatewayLines),
  ]
}

function nodeLines(fleet: Fleet, node: LabNode): string[] {
  const member = fleet.sites.flatMap(({ nodes }) => nodes).find(({ name }) => name === node.name)!
  const anycast = servicesOf(fleet, node).flatMap((service) => service.anycast)
  // If no neighbor advertises a default route, this one is the return path to the clients.
  const fallbacks = families.flatMap((family) => {
    const link = node.links.find((candidate) => candidate.families.includes(family))
    const given = member.neighbors.some(
      (neighbor) => familiesOf(neighbor).includes(family) && neighbor.import === 'default-only',
    )
    return link === undefined || given ? [] : [viaRouter(link, family)]
  })
  const vrfs = vrfsOf(node.links)
  // In a VRF, an IPv6 address is the source only of packets by interfaces of that VRF.
  const inVrf = anycast.filter(({ family }) => family === 'ipv6')
  return [
    `link set ${managementInterface} up`,
    `addr add ${node.managementAddress} dev ${managementInterface}`,
    ...(usesIpv6(fleet) ? [`addr add ${unicastOf(node, 'ipv6')}/64 dev ${managementInterface} nodad`] : []),
    `route add ${cacheNetwork} dev ${managementInterface}`,
    ...anycast.map((prefix) => `addr add ${prefix} dev lo${prefix.family === 'ipv6' ? ' nodad' : ''}`),
    ...vrfs.flatMap((vrf, at) => [
      `link add ${vrf} type vrf table ${firstVrfTable + at}`,
      `link set ${vrf} up`,
      ...inVrf.map((prefix) => `addr add ${prefix} dev ${vrf} nodad`),
    ]),
    // Before they get their addresses: IPv6 ones are lost when an interface moves.
    ...node.links.flatMap(({ nodeInterface, vrf }) =>
      vrf === null ? [] : [`link set ${nodeInterface} master ${vrf}`],
    ),
    ...node.links.flatMap((link) => [
      linkUp(link.nodeInterface, link.nodeAddress),
      addPeer(link.nodeInterface, link.nodeAddress, link.routerAddress),
    ]),
    ...node.peers.flatMap((peer) => [
      `link set ${peer.interface} up`,
      addPeer(peer.interface, peer.address, peer.peerAddress),
    ]),
    ...fallbacks.map((via) => `route add ${via} metric 4096`),
  ]
}

/** At the router's end of a client's link; run in the router's namespace, or the core's. */
function gatewayLines(client: LabClient): string[] {
  const name = `cl${client.index}`
  return [
    `link add ${name} type veth peer name wan0 netns ${client.namespace}`,
    `link set ${name} up`,
    `addr add ${client.underlay.ipv4.gateway}/30 dev ${name}`,
    `addr add ${client.underlay.ipv6.gateway}/64 dev ${name} nodad`,
  ]
}

function clientLines(client: LabClient): string[] {
  const { ipv4, ipv6 } = client.underlay
  return [
    'link set wan0 up',
    `addr add ${ipv4.client}/30 dev wan0`,
    `addr add ${ipv6.client}/64 dev wan0 nodad`,
    `route add default via ${ipv4.gateway} dev wan0`,
    `route add default via ${ipv6.gateway} dev wan0`,
  ]
}

/** The whole management network is on its link. */
function memberLines({ address }: LabStoreMember): string[] {
  return [`link set ${managementInterface} up`, `addr add ${address}/16 dev ${managementInterface}`]
}

function managementLines({ managementAddress, fabricNamespace, storeMembers }: Topology): string[] {
  return [
    `link add ${managementLink} type veth peer name host netns ${fabricNamespace}`,
    `addr add ${managementAddress} dev ${managementLink}`,
    `link set ${managementLink} up`,
    ...(storeMembers.length === 0 ? [] : [`route add ${storeNetwork} dev ${managementLink}`]),
  ]
}

/** Of a default route, also of IPv4 through a router that has only an IPv6 address: `default` would mean IPv6 then. */
function viaRouter({ routerAddress, nodeInterface }: NodeLink, family: Family): string {
  const via = routerAddress.family === family ? routerAddress : `inet6 ${routerAddress}`
  return `${family === 'ipv4' ? '0.0.0.0/0' : '::/0'} via ${via} dev ${nodeInterface} onlink`
}

/** The kernel's own link-local address would be a second one, and a neighbor would not know which to use. */
function linkUp(name: string, address: Address): string {
  return isLinkLocal(address) ? `link set ${name} addrgenmode none up` : `link set ${name} up`
}

/** An address of a point-to-point link: a route to the peer, and no subnet. */
function addPeer(name: string, local: Address, peer: Address): string {
  if (isLinkLocal(local)) return `addr add ${local}/64 dev ${name} nodad`
  return local.family === 'ipv4'
    ? `addr add ${local} peer ${peer}/32 dev ${name}`
    : `addr add ${local} peer ${peer}/128 dev ${name} nodad`
}
