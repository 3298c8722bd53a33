import { expect, test } from 'vitest'
import { adaptFleet, type LabSecrets } from '../../../src/lab/topology/adapt.ts'
import { buildTopology } from '../../../src/lab/topology/topology.ts'
import { fleetOf, osloYaml, romeYaml } from './fleets.ts'

const fleet = fleetOf(osloYaml, romeYaml)
const topology = buildTopology(fleet)
const secrets: LabSecrets = {
  publicKeys: new Map([['vpn', 'generated']]),
  probeKeyFile: (node, service) => `/lab/${node}/${service}.key`,
  presharedKeyFile: (service) => `/lab/${service}.psk`,
  passwordFile: (node, neighbor) => `/lab/${node}/${neighbor}.password`,
}
const adapted = adaptFleet(fleet, topology.nodes[1]!, secrets, new Map())

test('a node gets generated keys, files of the lab and an interface name of its own', () => {
  const service = adapted.services[0]!
  expect(service.wireguard).toMatchObject({ interface: 'wg0n2', publicKey: 'generated', port: 51_820 })
  expect(service.probe).toMatchObject({ privateKeyFile: '/lab/oslo-b/vpn.key', presharedKeyFile: null })
})

test('a password is kept where there is one, and not added elsewhere', () => {
  const files = adapted.sites[0]!.nodes.flatMap(({ neighbors }) => neighbors.map((one) => one.passwordFile))
  expect(files).toEqual(['/lab/oslo-a/tor.password', null, null])
})

test('a node is planned for the daemon of this machine', () => {
  const { sites } = adaptFleet(fleet, topology.nodes[1]!, secrets, new Map([['bird', '3.1.8']]))
  const versions = sites.flatMap(({ nodes }) => nodes.map((node) => [node.daemon, node.daemonVersion]))
  expect(new Map(versions as [string, string | null][])).toEqual(
    new Map([
      ['bird', '3.1.8'],
      ['frr', null],
    ]),
  )
})

test('with a store, the keys of probes in the YAML are those that the lab has made, and without `remote` there is none', () => {
  const node = topology.nodes[1]!
  const watched = { ...fleet, remote: { intervalMs: 1000, observers: 5, degrade: false } }
  const store = () => ({ endpoints: [], caFile: '', certFile: '', keyFile: '', beatEveryMs: 1000 })
  const made = { ...secrets, store, probePublicKey: (name: string, service: string) => `${name} ${service}` }
  const { remote, sites } = adaptFleet(watched, node, made, new Map())
  expect(remote).toEqual(watched.remote)
  expect(sites.flatMap(({ nodes }) => nodes.map(({ probeKeys }) => probeKeys))).toEqual(
    ['oslo-a', 'oslo-b', 'rome-a'].map((name) => [{ service: 'vpn', publicKey: `${name} vpn` }]),
  )
  expect(adaptFleet(watched, node, secrets, new Map()).remote).toBeNull()
})

test('everything else is unchanged', () => {
  const withoutSecrets = (one: typeof fleet) => ({
    ...one,
    services: one.services.map(({ wireguard: _, probe: __, ...service }) => service),
    sites: one.sites.map((site) => ({
      ...site,
      nodes: site.nodes.map((node) => ({
        ...node,
        neighbors: node.neighbors.map(({ passwordFile: _, ...neighbor }) => neighbor),
      })),
    })),
  })
  expect(withoutSecrets(adapted)).toEqual(withoutSecrets(fleet))
})
