import { beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import { Timeline } from '../../../../src/fleet/exchange/timeline/timeline.ts'

const wallMs = Date.UTC(2026, 10, 29)
const staleAfterMs = 3500
const lon1 = { site: 'lon1', node: 'lon1-a' }
let nowMs: number
let timeline: Timeline

beforeEach(() => {
  nowMs = 0
  const clock = { ...systemClock, now: () => nowMs, wall: () => wallMs + nowMs }
  timeline = new Timeline(clock, { site: 'ams1', node: 'ams1-a' }, staleAfterMs)
})

const look = (ageMs: number, { ok = true, registers = null as Record<string, string> | null } = {}) =>
  timeline.look({
    ok,
    beats: [{ ...lon1, ageMs, fresh: ageMs < staleAfterMs }],
    registers: registers === null ? null : new Map(Object.entries(registers)),
  })
const changesOf = () => timeline.list().map(({ what, node }) => `${node} ${what}`)

describe('the timeline of the fleet', () => {
  test('has a node that falls silent once, and its return with the time in between', () => {
    look(0)
    nowMs = 10_000
    look(4000)
    nowMs = 11_000
    look(5000)
    nowMs = 70_000
    look(0)
    expect(timeline.list()).toMatchObject([
      { ...lon1, what: 'silent', clock: 'watcher', time: '2026-11-29T00:00:10.000Z' },
      { ...lon1, what: 'back', afterMs: 64_000 },
    ])
    expect(timeline.count).toBe(2)
  })

  test('has nothing of a node that was silent before, until it is back', () => {
    look(4000)
    nowMs = 10_000
    look(14_000)
    expect(changesOf()).toEqual([])
    nowMs = 20_000
    look(0)
    expect(changesOf()).toEqual(['lon1-a back'])
  })

  test('an outage of the store is one event of the node that watches, and makes no other node silent', () => {
    look(0)
    nowMs = 5000
    look(5000, { ok: false })
    nowMs = 60_000
    look(60_000, { ok: false })
    look(60_000)
    nowMs = 62_000
    look(0)
    expect(changesOf()).toEqual(['ams1-a store', 'ams1-a store'])
    expect(timeline.list()).toMatchObject([{ ok: false }, { ok: true }])
  })

  test('has who enters a register and leaves it, by the clock of that node where it says one', () => {
    const holder = { site: 'lon1', node: 'lon1/lon1-a', nonce: '1', cause: 'permit', reason: 'hung' }
    const since = '2026-11-29T00:00:07.000Z'
    look(0, { registers: {} })
    look(0, { registers: { 'permit/vpn': JSON.stringify([{ ...holder, since }]) } })
    look(0, { registers: { 'permit/vpn': JSON.stringify([{ ...holder, since }]) } })
    look(0, { registers: {} })
    expect(timeline.list()).toMatchObject([
      {
        ...lon1,
        what: 'registered',
        service: 'vpn',
        cause: 'permit',
        reason: 'hung',
        time: since,
        clock: 'node',
      },
      { ...lon1, what: 'unregistered', service: 'vpn', clock: 'watcher' },
    ])
  })

  test('what is in a register at the start is no change', () => {
    const holder = { site: 'lon1', node: 'lon1/lon1-a', nonce: '1', cause: 'fact', reason: 'hung' }
    look(0, { registers: { 'permit/vpn': JSON.stringify([holder]) } })
    expect(changesOf()).toEqual([])
  })

  test('has each change of what a node says, with what its neighbors have', () => {
    const announced = [{ neighbor: 'transit1', prefix: '192.0.2.0/24', degraded: false }]
    const vpn = {
      name: 'vpn',
      health: 'healthy',
      decision: 'announce',
      reason: 'healthy',
      announced,
    } as const
    const report = { clockMs: wallMs, serial: 7, services: [vpn] }
    timeline.takeReport(lon1, report, { ...report, clockMs: wallMs + 1000 })
    timeline.takeReport(lon1, report, { ...report, clockMs: wallMs + 2000, serial: 8 })
    timeline.takeReport(lon1, report, {
      ...report,
      services: [{ ...vpn, decision: 'degrade', reason: 'drained' }],
    })
    timeline.takeReport(lon1, report, { ...report, services: [{ ...vpn, announced: [] }] })
    timeline.takeReport(lon1, report, { ...report, services: [] })
    expect(timeline.list()).toMatchObject([
      { what: 'bundle', serial: 8, time: '2026-11-29T00:00:02.000Z', clock: 'node' },
      { what: 'service', decision: 'degrade', reason: 'drained', announced: 'normal', neighbors: 'transit1' },
      { what: 'service', decision: 'announce', announced: 'nothing', neighbors: '' },
      { what: 'service-removed', service: 'vpn' },
    ])
  })

  test('a clock that is wrong by more than a day is not used, whatever it says', () => {
    const report = { clockMs: Number.MAX_SAFE_INTEGER, serial: 7, services: [] }
    timeline.takeReport(lon1, { ...report, serial: 6 }, report)
    expect(timeline.list()).toMatchObject([{ time: '2026-11-29T00:00:00.000Z', clock: 'watcher' }])
  })

  test('has the last 200 changes, and counts all', () => {
    for (let serial = 1; serial <= 300; serial++) {
      timeline.takeReport(
        lon1,
        { clockMs: wallMs, serial: serial - 1, services: [] },
        { clockMs: wallMs, serial, services: [] },
      )
    }
    expect(timeline.count).toBe(300)
    expect(timeline.list().map((event) => (event.what === 'bundle' ? event.serial : null))).toEqual(
      Array.from({ length: 200 }, (_, at) => at + 101),
    )
  })
})
