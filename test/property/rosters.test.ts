import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAddress } from '../../src/net/prefix.ts'
import { mostInFullMesh, placeRosters } from '../../src/plan/compile/place-rosters.ts'
import type { Fleet, FleetNode } from '../../src/plan/sites/fleet.ts'
import { parseFleet } from '../../src/plan/sites/parse.ts'
import { base } from '../invalid/base.ts'

const parsed = parseFleet(Object.entries(base).map(([name, text]) => ({ name, text }))).fleet!
const sample = parsed.sites[0]!.nodes[0]!
const address = parseAddress('198.51.100.7')
if (!address.ok) throw new Error('not an address')
const unicast = address.value
const rescue = { port: 9588, caFile: '/ca', certFile: '/cert', keyFile: '/key' }

/** @param nodes of each site: which serve */
function fleetOf(nodes: readonly (readonly boolean[])[]): Fleet {
  return {
    ...{ ...parsed, rescue },
    sites: nodes.map((ofSite, site) => ({
      name: `site${site}`,
      nodes: ofSite.map(
        (serves, at): FleetNode => ({
          ...sample,
          ...{ name: `site${site}-${at}`, services: serves ? ['vpn'] : [], unicast },
        }),
      ),
    })),
  }
}

const someNodes = fc.array(fc.array(fc.boolean(), { maxLength: 4 }), { maxLength: 40 })

test('each node that serves knows all others that do, and a large fleet has two relays of two sites that all agree on', () => {
  fc.assert(
    fc.property(someNodes, (nodes) => {
      const fleet = fleetOf(nodes)
      const placed = placeRosters(fleet)
      const serving = fleet.sites.flatMap((site) => site.nodes.filter(({ services }) => services.length > 0))
      expect(new Set(placed.keys())).toEqual(new Set(serving.map(({ name }) => name)))
      const relays = new Set([...placed.values()].map((one) => one.relays.join()))
      expect(relays.size).toBeLessThanOrEqual(1)
      for (const [name, { nodes: others }] of placed) {
        expect(new Set([name, ...others.map((one) => one.name)])).toEqual(new Set(placed.keys()))
        expect(others).toHaveLength(placed.size - 1)
      }
      const [first] = placed.values()
      if (first === undefined) return
      const siteOf = (relay: string) => relay.split('-')[0]!
      const sites = new Set(serving.map(({ name }) => siteOf(name)))
      expect(first.relays).toHaveLength(placed.size <= mostInFullMesh ? 0 : 2)
      expect(new Set(first.relays.map(siteOf)).size).toBe(Math.min(first.relays.length, sites.size))
    }),
  )
})

test('one more node changes the relays of a large fleet only if it becomes one', () => {
  fc.assert(
    fc.property(fc.integer({ min: 60, max: 200 }), (sites) => {
      const relaysOf = (count: number) =>
        [...placeRosters(fleetOf(Array.from({ length: count }, () => [true]))).values()][0]!.relays
      const before = relaysOf(sites)
      const after = relaysOf(sites + 1)
      if (!after.includes(`site${sites}-0`)) expect(after).toEqual(before)
    }),
    { numRuns: 30 },
  )
})
