import { expect, test } from 'vitest'
import { slowTimers, timerFactor } from '../../../src/lab/topology/slow-timers.ts'
import { fleetOf, osloYaml, romeYaml } from './fleets.ts'

test.each([
  [1, 1, 1],
  [12, 2, 1],
  [13, 2, 2],
  [40, 2, 4],
  [40, 16, 1],
])('%i nodes on %i processors have timers %i times as long', (nodes, processors, factor) => {
  expect(timerFactor(nodes, processors)).toBe(factor)
})

test('a factor of 1 leaves the fleet as it is', () => {
  const fleet = fleetOf(osloYaml, romeYaml)
  expect(slowTimers(fleet, 1)).toBe(fleet)
})

test('probes and BFD become slower, up to the longest timer that the YAML allows, and nothing else changes', () => {
  const fleet = fleetOf(osloYaml, romeYaml)
  const slow = slowTimers(fleet, 4)
  const [before, after] = [fleet.services[0]!.probe, slow.services[0]!.probe]
  expect(after).toEqual({ ...before, intervalMs: before.intervalMs * 4, timeoutMs: before.timeoutMs * 4 })
  const bfdOf = ({ sites }: typeof fleet) =>
    sites.flatMap(({ nodes }) => nodes.flatMap(({ neighbors }) => neighbors.map(({ bfd }) => bfd)))
  expect(bfdOf(fleet).some((bfd) => bfd !== null)).toBe(true)
  expect(bfdOf(slow)).toEqual(bfdOf(fleet).map((bfd) => bfd && { ...bfd, intervalMs: bfd.intervalMs * 4 }))
  expect(slowTimers(fleet, 1e6).services[0]!.probe.intervalMs).toBe(60_000)
  const restored = structuredClone(JSON.parse(JSON.stringify(slow)))
  expect(Object.keys(restored)).toEqual(Object.keys(JSON.parse(JSON.stringify(fleet))))
})
