import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAddress } from '../../src/net/prefix.ts'
import { chooseObservers } from '../../src/plan/compile/choose-observers.ts'
import type { Fleet, FleetNode } from '../../src/plan/sites/fleet.ts'
import { parseFleet } from '../../src/plan/sites/parse.ts'
import { base } from '../invalid/base.ts'

const parsed = parseFleet(Object.entries(base).map(([name, text]) => ({ name, text }))).fleet!
const sample = parsed.sites[0]!.nodes[0]!
const address = parseAddress('198.51.100.7')
if (!address.ok) throw new Error('not an address')
const unicast = address.value

/** @param nodes of each site: which serve, and which have an address */
function fleetOf(
  nodes: readonly (readonly [serves: boolean, hasAddress: boolean][])[],
  observers: number,
): Fleet {
  return {
    ...parsed,
    remote: { intervalMs: 10_000, observers, degrade: false },
    sites: nodes.map((ofSite, site) => ({
      name: `site${site}`,
      nodes: ofSite.map(
        ([serves, hasAddress], at): FleetNode => ({
          ...sample,
          ...{ name: `site${site}-${at}`, services: serves ? ['vpn'] : [] },
          unicast: hasAddress ? unicast : null,
          probeKeys: [],
        }),
      ),
    })),
  }
}

const someNodes = fc.array(fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 3 }), {
  maxLength: 12,
})

test('a node with an address is observed by nodes of as many other sites as there can be, each of which knows it', () => {
  fc.assert(
    fc.property(someNodes, fc.integer({ min: 1, max: 20 }), (nodes, most) => {
      const fleet = fleetOf(nodes, most)
      const chosen = chooseObservers(fleet)
      const serving = fleet.sites.filter((site) => site.nodes.some(({ services }) => services.length > 0))
      for (const { name: site, nodes: own } of fleet.sites) {
        for (const node of own) {
          const { observers, targets } = chosen.get(node.name)!
          const isTarget = node.unicast !== null && node.services.length > 0
          const others = serving.filter(({ name }) => name !== site)
          expect(observers).toHaveLength(isTarget ? Math.min(most, others.length) : 0)
          const from = observers.map((observer) => observer.site)
          expect(new Set(from).size).toBe(from.length)
          expect(from).not.toContain(site)
          for (const observer of observers) {
            const at = { service: 'vpn', site, node: node.name, address: unicast.toString() }
            expect(chosen.get(observer.node)!.targets).toContainEqual(at)
          }
          if (node.services.length === 0) expect(targets).toEqual([])
        }
      }
      const count = (key: 'observers' | 'targets') =>
        [...chosen.values()].reduce((sum, each) => sum + each[key].length, 0)
      expect(count('observers')).toBe(count('targets'))
    }),
  )
})

test('a site that is added changes the observers only of the nodes that it observes, by one each', () => {
  fc.assert(
    fc.property(someNodes, fc.integer({ min: 1, max: 5 }), (nodes, most) => {
      const before = chooseObservers(fleetOf(nodes, most))
      const after = chooseObservers(fleetOf([...nodes, [[true, true]]], most))
      const added = `site${nodes.length}`
      for (const [name, { observers }] of before) {
        const now = after.get(name)!.observers
        const isChanged = now.some(({ site }) => site === added)
        const kept = now.filter(({ site }) => site !== added)
        if (!isChanged) expect(now).toEqual(observers)
        else expect(observers).toEqual(expect.arrayContaining(kept))
        expect(kept.length).toBeGreaterThanOrEqual(observers.length - 1)
      }
    }),
  )
})

test('in a fleet of 1,000 sites no node has more than a few targets, whatever the order of the files', () => {
  const fleet = fleetOf(
    Array.from({ length: 1000 }, () => [[true, true]]),
    5,
  )
  const chosen = chooseObservers(fleet)
  const counts = [...chosen.values()].map(({ targets }) => targets.length)
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(5000)
  // A Poisson distribution around 5: above 20 with a chance of less than one in ten million a node.
  expect(Math.max(...counts)).toBeLessThan(20)
  const reversed = chooseObservers({ ...fleet, sites: fleet.sites.toReversed() })
  expect(reversed.get('site7-0')).toEqual(chosen.get('site7-0'))
})

test('the nodes of one site share its targets', () => {
  const fleet = fleetOf(
    [
      [
        [true, false],
        [true, false],
        [true, false],
      ],
      ...Array.from({ length: 300 }, () => [[false, false]] as [boolean, boolean][]),
    ],
    5,
  )
  const [first, ...others] = fleet.sites
  const targets = others.map((site) => ({
    ...site,
    nodes: site.nodes.map((node) => ({ ...node, unicast, services: ['vpn'] })),
  }))
  const chosen = chooseObservers({
    ...fleet,
    remote: { ...fleet.remote!, observers: 300 },
    sites: [first!, ...targets],
  })
  const counts = first!.nodes.map(({ name }) => chosen.get(name)!.targets.length)
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(300)
  expect(Math.min(...counts)).toBeGreaterThan(60)
})

test('without `remote` nothing is chosen', () => {
  expect(chooseObservers({ ...parsed, remote: null }).size).toBe(0)
})
