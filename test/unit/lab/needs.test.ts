import { expect, test } from 'vitest'
import { fleetInLab } from '../../../src/lab/topology/adapt.ts'
import { findLacks, needsOf } from '../../../src/lab/topology/needs.ts'
import { buildTopology } from '../../../src/lab/topology/topology.ts'
import { fleetOf, osloYaml, romeYaml } from './fleets.ts'

const needsFor = (...sites: string[]) => {
  const fleet = fleetOf(...sites)
  return buildTopology(fleet).nodes.map((node) => ({ name: node.name, needs: needsOf(fleet, node) }))
}

const lab = needsFor(osloYaml, romeYaml).map(({ name, needs }) => ({ name, has: needs }))

const edited = (from: string | RegExp, to: string) => {
  for (const text of [osloYaml, romeYaml])
    if (text.search(from) >= 0) return needsFor(osloYaml.replace(from, to), romeYaml.replace(from, to))
  throw new Error('the edit changes nothing')
}

test('a node needs its place, its links and its endpoints', () => {
  expect(lab[1]).toEqual({
    name: 'oslo-b',
    has: [
      'the site oslo',
      'the daemon frr',
      'place 2 among the nodes',
      'the link 10.1.0.3 -- 10.1.0.1 to tor',
      'the address 192.0.2.1/32 of vpn',
      'the address 2001:db8:51::1/128 of vpn',
      'the WireGuard of vpn: wg0n2, port 51820, 10.80.0.1/16',
      'the peer 10.80.0.2 in the WireGuard of vpn',
    ],
  })
})

test.each([
  ['nothing', 'kind: tor', 'kind: tor'],
  ['the AS number of one of two neighbors that were one router', 'asn: 64611', 'asn: 64612'],
  ['filters', 'import: default-only', 'prepend: 2'],
  ['a password that goes', ', passwordFile: /etc/anyward/tor', ''],
  ['a neighbor that goes', /\n.*name: tor, kind: tor.*0\.3 \}/, '\n      []'],
])('the lab has what a fleet needs that differs in %s', (_what, from, to) => {
  expect(findLacks(edited(from, to), lab)).toEqual([])
})

test.each<[what: string, from: string | RegExp, to: string, lacks: string[]]>([
  [
    'the address of a neighbor',
    'address: 10.1.1.1, import: default-only, bfd',
    'address: 10.1.1.9, import: default-only, bfd',
    ['oslo-a: the link 10.1.1.8 -- 10.1.1.9 to carrier'],
  ],
  [
    'the name of a neighbor',
    'name: reflector',
    'name: mirror',
    ['rome-a: the link 2001:db8:9::2 -- 2001:db8:9::1 to mirror'],
  ],
  ['the name of a node', 'name: oslo-b', 'name: oslo-c', ['oslo-c: the node itself']],
  ['the daemon', 'daemon: frr', 'daemon: bird', ['oslo-b: the daemon bird']],
  ['the name of a site', 'site: rome', 'site: roma', ['rome-a: the site roma']],
])('the lab lacks what a fleet needs that differs in %s', (_what, from, to, lacks) => {
  expect(findLacks(edited(from, to), lab)).toEqual(lacks)
})

test('services, their preshared keys and RPKI caches are needed too', () => {
  const fleet = fleetOf(osloYaml, romeYaml)
  const [service] = fleet.services
  const probe = { ...service!.probe, presharedKeyFile: '/etc/anyward/psk' }
  const wireguard = { ...service!.wireguard, port: 51_821 }
  const next = {
    ...fleet,
    services: [{ ...service!, probe, wireguard }],
    rpki: { ...fleet.rpki, caches: [{ host: '10.0.0.53', port: 3323 }] } as typeof fleet.rpki,
  }
  const node = buildTopology(next).nodes[0]!
  expect(findLacks([{ name: node.name, needs: needsOf(next, node) }], lab)).toEqual([
    'oslo-a: the WireGuard of vpn: wg0n1, port 51821, 10.80.0.1/16',
    'oslo-a: the peer 10.80.0.2 with a preshared key in the WireGuard of vpn',
    'oslo-a: the RPKI cache 1',
  ])
})

test('probes from other sites need a store, which a lab has from its start', () => {
  const fleet = fleetOf(osloYaml)
  const watched = { ...fleet, remote: { intervalMs: 1000, observers: 5, degrade: false } }
  const node = buildTopology(fleet).nodes[0]!
  const needs = [{ name: node.name, needs: needsOf(watched, node) }]
  expect(findLacks(needs, lab)).toEqual(['oslo-a: the store that `remote` needs: `anyward lab up --store`'])
  expect(findLacks(needs, [{ name: node.name, has: needsOf(watched, node) }])).toEqual([])
  const [text] = osloYaml.split('    neighbors:')
  const ipv6 = fleetOf(osloYaml.replace(text!, `${text}    unicast: "2001:db8:7::1"\n`))
  expect(findLacks([{ name: node.name, needs: needsOf(ipv6, node) }], lab)).toEqual([
    'oslo-a: IPv6 between nodes, for `unicast`',
  ])
})

test('bundles of a lab are not signed: its nodes pin no keys', () => {
  const fleet = fleetOf(osloYaml)
  const signed = { ...fleet, planner: { ...fleet.planner, keys: ['ssh-ed25519 AAAA'] } }
  expect(fleetInLab(signed, 1).planner.keys).toEqual([])
})
