import { expect, test } from 'vitest'
import { uniqueInterface, uniqueNames } from '../../../src/lab/topology/names.ts'
import { buildTopology, deriveLocalAddress } from '../../../src/lab/topology/topology.ts'
import { TopologyError } from '../../../src/lab/topology/topology-error.ts'
import { InterfaceAddress, parseAddress } from '../../../src/net/prefix.ts'
import { fleetOf, osloYaml, romeYaml } from './fleets.ts'

const topology = buildTopology(fleetOf(osloYaml, romeYaml))

test('two nodes of a site share the router with the same address and ASN', () => {
  const tors = topology.routers.filter(({ asn }) => asn === 64611)
  expect(tors).toHaveLength(1)
  expect(tors[0]!.links.map(({ node, nodeAddress }) => `${node} ${nodeAddress}`)).toEqual([
    'oslo-a 10.1.0.2',
    'oslo-b 10.1.0.3',
  ])
})

test('the same address and ASN at another site is another router', () => {
  const carriers = topology.routers.filter(({ asn }) => asn === 64601)
  expect(carriers.map(({ site }) => site)).toEqual(['oslo', 'rome'])
})

test("a router has its name in the YAML where that is unique in the fleet, else with its node's name as a prefix", () => {
  expect(topology.routers.map(({ name }) => name)).toEqual([
    'tor',
    'oslo-a-carrier',
    'rome-a-carrier',
    'reflector',
  ])
})

test('no namespace, folder, bridge, port or address is assigned twice', () => {
  const once = (values: readonly string[]) => expect(new Set(values).size).toBe(values.length)
  const { nodes, routers, clients } = topology
  const links = nodes.flatMap((node) => node.links)
  once([
    topology.fabricNamespace,
    topology.coreNamespace,
    ...[...nodes, ...routers, ...clients].map((x) => x.namespace),
  ])
  once(links.map(({ bridge }) => bridge))
  once(links.flatMap(({ nodePort, routerPort }) => [nodePort, routerPort]))
  once(links.map(({ protocol }) => protocol))
  once([topology.managementAddress, ...nodes.map((node) => node.managementAddress)].map(String))
  once(routers.flatMap(({ coreLink }) => [`${coreLink.ipv4.core}`, `${coreLink.ipv4.router}`]))
  once(clients.map(({ tunnelAddress }) => `${tunnelAddress}`))
})

test('a client is behind the first eBGP neighbor of its site with the address family of its endpoint', () => {
  expect(topology.clients.map(({ site, router }) => `${site} ${router}`)).toEqual([
    'oslo tor',
    'rome rome-a-carrier',
  ])
})

test('a client is behind a neighbor that receives its service', () => {
  const yaml = osloYaml.replace('kind: tor, asn: 64611', 'kind: tor, services: [], asn: 64611')
  const { clients } = buildTopology(fleetOf(yaml, romeYaml))
  expect(clients[0]!.router).toBe('oslo-a-carrier')
})

test("a client's tunnel address is neither the server's nor the probe's", () => {
  expect(topology.clients.map(({ tunnelAddress }) => `${tunnelAddress}`)).toEqual([
    '10.80.0.3/16',
    '10.80.0.4/16',
  ])
})

test('a tunnel network without a free address for a client is an error with its name', () => {
  const fleet = fleetOf(osloYaml)
  const [service] = fleet.services
  const [address] = service!.wireguard.addresses
  const small = new InterfaceAddress(address!.address, 30)
  const crowded = {
    ...fleet,
    services: [{ ...service!, wireguard: { ...service!.wireguard, addresses: [small] } }],
    sites: [fleet.sites[0]!, { ...fleet.sites[0]!, name: 'second', nodes: [] }],
  }
  expect(() => buildTopology(crowded)).toThrow(TopologyError)
})

test('a site without a neighbor has its client behind the core', () => {
  const fleet = fleetOf(osloYaml)
  const site = fleet.sites[0]!
  const lonely = { ...fleet, sites: [{ ...site, nodes: [{ ...site.nodes[0]!, neighbors: [] }] }] }
  expect(buildTopology(lonely).clients[0]!.router).toBeNull()
})

test('more nodes than fit into a /24 get a larger management network', () => {
  const fleet = fleetOf(osloYaml)
  const site = fleet.sites[0]!
  const nodes = Array.from({ length: 300 }, (_, at) => ({ ...site.nodes[0]!, name: `n${at}`, neighbors: [] }))
  const built = buildTopology({ ...fleet, sites: [{ ...site, nodes }] })
  expect(`${built.managementAddress}`).toBe('100.127.64.1/20')
  expect(`${built.nodes.at(-1)!.managementAddress}`).toBe('100.127.65.45/20')
})

test('an address missing in the YAML is the other one of the pair, or the next free one', () => {
  const node = fleetOf(osloYaml).sites[0]!.nodes[0]!
  const neighbor = node.neighbors.find(({ name }) => name === 'carrier')!
  expect(`${deriveLocalAddress(node, neighbor)}`).toBe('10.1.1.0')
  const parsed = parseAddress('10.1.1.0')
  if (!parsed.ok) throw new Error(parsed.problem)
  const other = { ...neighbor, name: 'other', address: parsed.value }
  const crowded = { ...node, neighbors: [...node.neighbors, other] }
  expect(`${deriveLocalAddress(crowded, neighbor)}`).toBe('10.1.1.3')
})

test("an interface's name is unique on the machine and within the kernel's limit", () => {
  const fleet = fleetOf(osloYaml)
  const service = fleet.services[0]!
  expect(uniqueInterface(fleet, service, 3)).toBe('wg0n3')
  const named = (name: string) => ({ ...service, wireguard: { ...service.wireguard, interface: name } })
  const long = [named('wireguard-main1'), named('wireguard-main2')]
  const names = long.map((one) => uniqueInterface({ ...fleet, services: long }, one, 120))
  expect(new Set(names).size).toBe(2)
  for (const name of names) expect(name.length).toBeLessThanOrEqual(15)
})

test('a name that is taken or too long is truncated and numbered', () => {
  const take = uniqueNames(8)
  expect(['aw-core', 'aw-core', 'aw-core-of-all', 'aw-core-of-none'].map(take)).toEqual([
    'aw-core',
    'aw-cor-2',
    'aw-core-',
    'aw-cor-3',
  ])
})

test('two nodes that name each other’s addresses are joined by a link of their own, and have no router for it', () => {
  const withPeer = (yaml: string, marker: string, line: string) => yaml.replace(marker, `${line}\n${marker}`)
  const ours = '      - { name: rome, kind: ibgp, asn: 64500, address: 10.9.0.2, localAddress: 10.9.0.1 }'
  const theirs = '      - { name: oslo, kind: ibgp, asn: 64500, address: 10.9.0.1, localAddress: 10.9.0.2 }'
  const built = buildTopology(
    fleetOf(withPeer(osloYaml, '  - name: oslo-b', ours), `${romeYaml.trimEnd()}\n${theirs}\n`),
  )
  expect(built.routers.map(({ name }) => name)).toEqual(topology.routers.map(({ name }) => name))
  const peers = built.nodes.flatMap((node) =>
    node.peers.map((peer) => [
      node.name,
      peer.neighbor,
      peer.node,
      peer.bridge,
      peer.port,
      `${peer.address} ${peer.peerAddress}`,
    ]),
  )
  expect(peers).toEqual([
    ['oslo-a', 'rome', 'rome-a', 'p1', 'n1u2', '10.9.0.1 10.9.0.2'],
    ['rome-a', 'oslo', 'oslo-a', 'p1', 'n3u2', '10.9.0.2 10.9.0.1'],
  ])
})

test('a fleet with addresses of the lab’s own networks is refused, each with its place', () => {
  const own = osloYaml
    .replace('10.1.1.1', '100.127.3.1')
    .replace('localAddress: 10.1.0.3', 'localAddress: 198.19.0.3')
  expect(() => buildTopology(fleetOf(own))).toThrow(
    'the lab cannot run this fleet\noslo.yaml nodes[0].neighbors[1].address: 100.127.3.1 is in 100.127.0.0/16, which the lab uses itself\noslo.yaml nodes[1].neighbors[0].localAddress: 198.19.0.3 is in 198.18.0.0/15, which the lab uses itself',
  )
})
