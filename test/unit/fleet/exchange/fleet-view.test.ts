import { expect, test } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import { Beats } from '../../../../src/fleet/exchange/beats.ts'
import { FleetView } from '../../../../src/fleet/exchange/fleet-view.ts'
import { longestReport } from '../../../../src/fleet/exchange/node-report.ts'
import { Timeline } from '../../../../src/fleet/exchange/timeline/timeline.ts'
import { WatchedValues } from '../../../../src/fleet/exchange/watched-values.ts'
import type { Store, WatchEvent } from '../../../../src/fleet/store.ts'

const wallMs = Date.UTC(2026, 10, 29)

class Bed {
  nowMs = 0
  readonly beats = new Beats(3500)
  readonly #watches = new Map<string, (event: WatchEvent) => void>()
  readonly view: FleetView
  readonly timeline: Timeline

  constructor() {
    const clock = { ...systemClock, now: () => this.nowMs, wall: () => wallMs + this.nowMs }
    const store = {
      watch: (prefix: string, onEvent: (event: WatchEvent) => void) => {
        this.#watches.set(prefix, onEvent)
        return { close: () => {} }
      },
    } as Store
    const registers = new WatchedValues(store, 'permit/')
    this.timeline = new Timeline(clock, { site: 'ams1', node: 'ams1-a' }, 3500)
    this.view = new FleetView({
      store,
      clock,
      beats: this.beats,
      registers,
      timeline: this.timeline,
      statusEveryMs: 30_000,
    })
  }

  snapshot(prefix: string, values: Record<string, string>): void {
    this.#watches.get(prefix)!({ event: 'snapshot', values: new Map(Object.entries(values)) })
  }

  change(prefix: string, key: string, value: string | null): void {
    this.#watches.get(prefix)!({ event: 'changes', changes: [{ key, value }] })
  }

  beat(node: string, number: number): void {
    this.beats.see(`beat/${node}`, JSON.stringify({ number, well: [] }), this.nowMs)
  }
}

const service = { name: 'vpn', health: 'healthy', decision: 'announce', reason: 'healthy', announced: [] }
const reportOf = (clockMs: number, services: readonly object[] = [service]) =>
  JSON.stringify({ clockMs, serial: 7, services })

test('a node is stale until its beat has risen, and again when it no longer rises', () => {
  const bed = new Bed()
  bed.beat('ams1/ams1-a', 5)
  bed.snapshot('status/', { 'status/ams1/ams1-a': reportOf(0) })
  expect(bed.view.nodes()).toMatchObject([{ site: 'ams1', node: 'ams1-a', stale: true, ageMs: 0 }])
  bed.beat('ams1/ams1-a', 6)
  bed.nowMs += 1000
  expect(bed.view.nodes()).toMatchObject([{ stale: false, ageMs: 1000, report: { serial: 7 } }])
  bed.nowMs += 9000
  expect(bed.view.nodes()).toMatchObject([{ stale: true, ageMs: 10_000, report: { serial: 7 } }])
})

test('the clock of a node is compared when it has just written, and not by what was there before', () => {
  const bed = new Bed()
  bed.snapshot('status/', { 'status/ams1/ams1-a': reportOf(wallMs - 60_000) })
  expect(bed.view.nodes()).toMatchObject([{ clockAheadMs: null }])
  bed.change('status/', 'status/ams1/ams1-a', reportOf(wallMs + 5000))
  expect(bed.view.nodes()).toMatchObject([{ clockAheadMs: 5000 }])
  // Its beat has not risen yet.
  expect(bed.view.clocks()).toEqual([])
  for (const number of [5, 6]) bed.beat('ams1/ams1-a', number)
  expect(bed.view.clocks()).toEqual([{ node: 'ams1-a', aheadMs: 5000 }])
})

test('what a node changes is an event, by its clock; what it repeats, or said before, is none', () => {
  const bed = new Bed()
  bed.snapshot('status/', { 'status/ams1/ams1-a': reportOf(wallMs) })
  bed.change('status/', 'status/ams1/ams1-a', reportOf(wallMs + 1000))
  expect(bed.timeline.list()).toEqual([])
  const withdrawn = { ...service, decision: 'withdraw', reason: 'hung' }
  bed.change('status/', 'status/ams1/ams1-a', reportOf(wallMs + 2000, [withdrawn]))
  bed.change('status/', 'status/lon1/lon1-a', reportOf(wallMs + 3000))
  bed.change('status/', 'status/lon1/lon1-a', null)
  expect(bed.timeline.list()).toMatchObject([
    { what: 'service', node: 'ams1-a', reason: 'hung', time: '2026-11-29T00:00:02.000Z', clock: 'node' },
    { what: 'added', node: 'lon1-a' },
    { what: 'removed', node: 'lon1-a', clock: 'watcher' },
  ])
})

test('a node that the store no longer has is not listed', () => {
  const bed = new Bed()
  bed.snapshot('status/', { 'status/ams1/ams1-a': reportOf(0), 'status/fra1/fra1-a': reportOf(0) })
  bed.change('status/', 'status/ams1/ams1-a', null)
  expect(bed.view.nodes().map(({ node }) => node)).toEqual(['fra1-a'])
  bed.snapshot('status/', {})
  expect(bed.view.nodes()).toEqual([])
})

const clearScreen = '\u001b[2J'

test.for([
  ['control characters in a name', reportOf(0, [{ ...service, name: `vpn${clearScreen}` }])],
  ['control characters in a reason', reportOf(0, [{ ...service, reason: clearScreen }])],
  [
    'text in place of a prefix',
    reportOf(0, [{ ...service, announced: [{ neighbor: 'a', prefix: 'b', degraded: false }] }]),
  ],
  ['too much', reportOf(0).padEnd(longestReport + 1)],
  ['no JSON', '{'],
] as const)('of a status with %s, only the node is known', ([, value]) => {
  const bed = new Bed()
  bed.snapshot('status/', { 'status/ams1/ams1-a': value })
  expect(bed.view.nodes()).toMatchObject([{ node: 'ams1-a', report: null }])
})

test('no control character of a key or a register is passed on', () => {
  const bed = new Bed()
  const holder = {
    site: clearScreen,
    node: `x/${clearScreen}`,
    nonce: 'n',
    cause: 'order',
    reason: clearScreen.repeat(9),
  }
  bed.snapshot('status/', { [`status/${clearScreen}/\u009b31m`]: reportOf(0) })
  bed.snapshot('permit/', { [`permit/${clearScreen}`]: JSON.stringify([holder]) })
  expect(bed.view.nodes()).toHaveLength(1)
  expect(bed.view.permits()).toHaveLength(1)
  for (const one of [...bed.view.nodes(), ...bed.view.permits()]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    for (const value of Object.values(one)) expect(String(value)).not.toMatch(/[\0-\x1f\x7f-\x9f]/)
  }
})

const sightings = (reached: boolean) => [
  { service: 'vpn', site: 'ams1', node: 'ams1-a', reached },
  { service: 'vpn', site: 'oslo1', node: 'oslo1-a', reached: true },
]
const observed = (clockMs: number, reached: boolean) =>
  JSON.stringify({ ...JSON.parse(reportOf(clockMs)), remote: sightings(reached) })

function observedBed(): Bed {
  const bed = new Bed()
  bed.snapshot('status/', {
    'status/ams1/ams1-a': reportOf(0),
    'status/fra1/fra1-a': observed(0, false),
    'status/lon1/lon1-a': observed(0, true),
  })
  for (const number of [1, 2])
    for (const site of ['ams1', 'fra1', 'lon1']) bed.beat(`${site}/${site}-a`, number)
  return bed
}
const remoteOf = (bed: Bed) =>
  bed.view.nodes().find(({ site }) => site === 'ams1')!.report!.services[0]!.remote

test('what other sites see of an endpoint is shown with it', () => {
  expect(remoteOf(observedBed())).toEqual({ sites: 2, failing: 1 })
})

test('an observer whose beat no longer rises is not counted, and neither is one that no longer writes its status', () => {
  const bed = observedBed()
  bed.nowMs += 3000
  bed.beat('lon1/lon1-a', 3)
  bed.nowMs += 1000
  expect(remoteOf(bed)).toEqual({ sites: 1, failing: 0 })
  bed.nowMs = 75_000
  bed.beat('lon1/lon1-a', 4)
  expect(remoteOf(bed)).toBeNull()
  bed.change('status/', 'status/lon1/lon1-a', observed(1, true))
  expect(remoteOf(bed)).toEqual({ sites: 1, failing: 0 })
})

test('a node counts only the observers that it is given', () => {
  const { view } = observedBed()
  const of = (...sites: string[]) =>
    view.viewOne(
      { site: 'ams1', node: 'ams1-a' },
      'vpn',
      sites.map((site) => ({ site, node: `${site}-a` })),
    )
  expect(of('fra1')).toEqual({ sites: 1, failing: 1 })
  expect(of('fra1', 'lon1')).toEqual({ sites: 2, failing: 1 })
  expect(of('rome1')).toBeNull()
})

test.for([
  ['too many', Array.from({ length: 1001 }, () => sightings(true)[0])],
  ['with control characters', [{ ...sightings(true)[0], node: clearScreen }]],
  ['without an answer', [{ service: 'vpn', site: 'ams1', node: 'ams1-a' }]],
  ['no list', 'all'],
] as const)('sightings that are %s are not read', ([, remote]) => {
  const bed = observedBed()
  bed.change('status/', 'status/lon1/lon1-a', JSON.stringify({ ...JSON.parse(reportOf(1)), remote }))
  expect(remoteOf(bed)).toEqual({ sites: 1, failing: 1 })
})

test('fields of a later version are ignored', () => {
  const bed = observedBed()
  const text = JSON.stringify({
    ...JSON.parse(reportOf(1, [{ ...service, added: 1 }])),
    ...{ added: [], remote: sightings(true).map((one) => ({ ...one, added: 2 })) },
  })
  bed.change('status/', 'status/fra1/fra1-a', text)
  expect(remoteOf(bed)).toEqual({ sites: 2, failing: 0 })
})
