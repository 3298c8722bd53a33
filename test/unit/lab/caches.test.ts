import { expect, test } from 'vitest'
import { adaptFleet } from '../../../src/lab/topology/adapt.ts'
import { placeCaches } from '../../../src/lab/topology/caches.ts'
import type { LabCache } from '../../../src/lab/topology/model.ts'
import { buildTopology } from '../../../src/lab/topology/topology.ts'
import type { Fleet, Rpki } from '../../../src/plan/sites/fleet.ts'
import { fleetOf, osloYaml, romeYaml } from './fleets.ts'

const rpki: Rpki = {
  caches: [
    { host: '10.0.0.53', port: 3323 },
    { host: 'validator.example.net', port: 8282 },
  ],
  invalid: 'reject',
  refreshS: 300,
  retryS: 30,
  expireS: 3600,
  atExpiry: 'last-good',
  lastGood: { host: '127.0.0.1', port: 3323 },
  vrps: null,
}
const withRpki = (changed: Partial<Rpki>): Fleet => ({
  ...fleetOf(osloYaml, romeYaml),
  rpki: { ...rpki, ...changed },
})
const print = (caches: readonly LabCache[]) => caches.map(({ name, address }) => `${name} ${address}`)

test("each of the fleet's caches has a server, and so has the last good one", () => {
  expect(print(buildTopology(withRpki({})).caches)).toEqual([
    'cache1 100.127.128.1',
    'cache2 100.127.128.2',
    'last-good 100.127.128.3',
  ])
})

test('a fleet without last good VRPs has no server for them, and one without caches has none at all', () => {
  expect(buildTopology(withRpki({ atExpiry: 'accept' })).caches.map(({ name }) => name)).toEqual([
    'cache1',
    'cache2',
  ])
  expect(buildTopology(fleetOf(osloYaml)).caches).toEqual([])
})

test('each hundred nodes have servers of their own, because a server limits its connections', () => {
  expect(print(placeCaches(withRpki({ atExpiry: 'accept' }), 201))).toEqual([
    'cache1 100.127.128.1',
    'cache2 100.127.128.2',
    'cache1-2 100.127.129.1',
    'cache2-2 100.127.129.2',
    'cache1-3 100.127.130.1',
    'cache2-3 100.127.130.2',
  ])
})

test.each([1, 100, 101, 250])('node %d is configured with the addresses of servers that exist', (index) => {
  const fleet = withRpki({})
  const node = { ...buildTopology(fleet).nodes[0]!, index }
  const secrets = {
    publicKeys: new Map([['vpn', 'generated']]),
    probeKeyFile: () => '/lab/probe.key',
    presharedKeyFile: () => '/lab/psk',
    passwordFile: () => '/lab/password',
  }
  const adapted = adaptFleet(fleet, node, secrets, new Map()).rpki!
  const served = placeCaches(fleet, 250).map(({ address }) => address.toString())
  const configured = [...adapted.caches, adapted.lastGood].map(({ host }) => host)
  expect(served).toEqual(expect.arrayContaining(configured))
  expect(new Set(configured).size).toBe(3)
})
