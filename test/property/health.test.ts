import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type HealthEvent,
  type HealthRules,
  initialHealth,
  reduceHealth,
} from '../../src/node/health/health.ts'
import { restoreHealth, saveHealth } from '../../src/node/health/record.ts'
import type { HealthState, HealthStatus } from '../../src/node/health/state.ts'

const rules: HealthRules = {
  rise: 3,
  fall: 3,
  window: { size: 20, maxLoss: 0.2 },
  holdDown: { initialMs: 1000, maxMs: 64_000 },
  egress: { rise: 2, fall: 2 },
  command: null,
  peers: null,
  conntrack: null,
}
const plainRules: HealthRules = {
  ...rules,
  window: { size: 10, maxLoss: 1 },
  holdDown: { initialMs: 0, maxMs: 0 },
}

const silent = { check: 'ping', cause: 'no-reply', detail: 'no reply' } as const
const good: HealthEvent = { kind: 'probe-good' }
const bad: HealthEvent = { kind: 'probe-bad', problem: silent, startedAt: 0 }
const late: HealthEvent = { kind: 'probe-inconclusive', cause: 'starved' }
const gone = { check: 'interface', cause: 'interface-missing', detail: 'wg0 does not exist' } as const
const side = (outcome: 'good' | 'bad'): HealthEvent => ({
  kind: 'side',
  check: 'egress',
  outcome,
  cause: outcome === 'bad' ? 'egress-no-reply' : null,
  detail: '',
})

/** Events from other sources than the probe. */
const others = fc.constantFrom<HealthEvent>(
  late,
  { kind: 'probe-inconclusive', cause: 'under-load' },
  { kind: 'probe-inconclusive', cause: 'closed' },
  { kind: 'links', problem: gone },
  { kind: 'links', problem: null },
  side('good'),
  side('bad'),
)
const anyEvent = fc.oneof(
  { weight: 6, arbitrary: fc.constant(good) },
  { weight: 4, arbitrary: fc.constant(bad) },
  { weight: 2, arbitrary: others },
)
/** Realistic faults: the same one for a while, sometimes for long. */
const spell = fc
  .tuple(anyEvent, fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 400 })))
  .map(([event, times]) => Array<HealthEvent>(times).fill(event))
const story = fc.array(spell, { maxLength: 40 }).map((spells) => spells.flat())

interface Step {
  readonly now: number
  readonly event: HealthEvent
  readonly before: HealthState
  readonly after: HealthState
}

/** One event every 200 ms. */
function live(events: Iterable<HealthEvent>, given = rules, from = initialHealth(0), start = 0): Step[] {
  let now = start
  let state = from
  const steps: Step[] = []
  for (const event of events) {
    now += 200
    const before = state
    state = reduceHealth(state, event, now, given)
    steps.push({ now, event, before, after: state })
  }
  return steps
}

const severity: Readonly<Record<HealthStatus, number>> = { unknown: 0, healthy: 0, impaired: 1, unhealthy: 2 }

function changesOf(steps: readonly Step[]): Step[] {
  return steps.filter(({ before, after }) => before.status !== after.status)
}

describe('for any sequence of events', () => {
  test('an endpoint without its links is unhealthy', () => {
    fc.assert(
      fc.property(story, (events) => {
        const cut = live(events).filter(({ after }) => after.linkProblem !== null)
        expect(cut.filter(({ after }) => after.status !== 'unhealthy')).toEqual([])
      }),
    )
  })

  test('an endpoint improves only after `rise` good probes in a row, and dies by probes only after `fall` bad ones', () => {
    fc.assert(
      fc.property(story, (events) => {
        const probes: HealthEvent[] = []
        for (const { event, before, after } of live(events, plainRules)) {
          if (event === good && before.linkProblem === null) probes.push(event)
          if (event === bad || before.linkProblem !== after.linkProblem) probes.push(event)
          if (before.status === after.status) continue
          if (before.status === 'unknown' || before.status === 'unhealthy') {
            if (after.status !== 'unhealthy') expect(probes.slice(-3)).toEqual([good, good, good])
          }
          if (after.status === 'unhealthy' && after.linkProblem === null) {
            expect(probes.slice(-3)).toEqual([bad, bad, bad])
          }
        }
      }),
    )
  })

  test('an endpoint flaps at most eight times within the longest hold-down: each takes twice as long as the last', () => {
    const most = 1 + Math.ceil(Math.log2(rules.holdDown.maxMs / rules.holdDown.initialMs + 1))
    expect(most).toBe(8)
    fc.assert(
      fc.property(story, (events) => {
        const worse = changesOf(live(events)).filter(
          ({ before, after }) =>
            before.flaps.calmSince !== null && severity[after.status] > severity[before.status],
        )
        for (const [index, { now }] of worse.entries()) {
          const next = worse[index + most]
          if (next !== undefined) expect(next.now - now).toBeGreaterThanOrEqual(rules.holdDown.maxMs)
        }
      }),
    )
  })

  test('an endpoint gets worse at most twice without an improvement', () => {
    fc.assert(
      fc.property(story, (events) => {
        let worse = 0
        for (const { before, after } of changesOf(live(events))) {
          worse = severity[after.status] > severity[before.status] ? worse + 1 : 0
          expect(worse).toBeLessThanOrEqual(2)
        }
      }),
    )
  })

  test('an endpoint improves only after a time without a bad probe that grows with its flaps', () => {
    fc.assert(
      fc.property(story, (events) => {
        let lastBad = 0
        for (const { now, event, before, after } of live(events)) {
          if (event === bad || after.linkProblem !== null) lastBad = now
          if (before.status === 'unhealthy' && after.status !== 'unhealthy') {
            const { initialMs, maxMs } = rules.holdDown
            const { count } = before.flaps
            const holdMs = count === 0 ? 0 : Math.min(initialMs * 2 ** (count - 1), maxMs)
            expect(now - lastBad).toBeGreaterThanOrEqual(holdMs)
          }
        }
      }),
    )
  })

  test('the state is plain data, and continues unchanged after a round trip through JSON', () => {
    fc.assert(
      fc.property(story, story, (first, second) => {
        const last = live(first).at(-1)
        const state = last?.after ?? initialHealth(0)
        const now = last?.now ?? 0
        const copy = JSON.parse(JSON.stringify(state)) as HealthState
        expect(copy).toEqual(state)
        expect(live(second, rules, copy, now).at(-1)?.after).toEqual(
          live(second, rules, state, now).at(-1)?.after,
        )
      }),
      { numRuns: 50 },
    )
  })

  test('the state does not grow', () => {
    fc.assert(
      fc.property(story, (events) => {
        const states = live(events).map(({ after }) => after)
        expect(Math.max(0, ...states.map(({ window }) => window.lost.length))).toBeLessThanOrEqual(20)
        expect(Math.max(0, ...states.map(({ goodInRow }) => goodInRow))).toBeLessThanOrEqual(rules.rise)
      }),
    )
  })

  test('failure 14: a restart neither lengthens nor shortens a hold-down, also when the wall clock jumps', () => {
    const wall = Date.UTC(2026, 0, 1)
    fc.assert(
      fc.property(story, fc.maxSafeInteger(), fc.maxSafeInteger(), (events, jumpMs, clock) => {
        const last = live(events).at(-1)
        if (last === undefined) return
        const now = clock % 1e9
        const record: unknown = JSON.parse(JSON.stringify(saveHealth(last.after, last.now, wall)))
        const restored = restoreHealth(record, now, wall + jumpMs, rules)
        expect(restored).not.toBeNull()
        const { status, before, flaps } = restored!
        expect(status).toBe('unknown')
        expect(flaps.count).toBe(last.after.flaps.count)
        const recovered = live(Array<HealthEvent>(400).fill(good), rules, restored!, now)
        const better = recovered.find(
          ({ after }) => after.status === 'healthy' || after.status === 'impaired',
        )
        const { initialMs, maxMs } = rules.holdDown
        const holdMs = flaps.count === 0 ? 0 : Math.min(initialMs * 2 ** (flaps.count - 1), maxMs)
        const goodForMs = last.after.goodSince === null ? 0 : last.now - last.after.goodSince
        const leftMs = before === 'unhealthy' ? Math.max(0, holdMs - goodForMs) : 0
        // At least `rise` probes, counted from the first good one.
        const mostMs = Math.max(leftMs + 200, rules.rise * 200)
        expect(better!.now - now).toBeGreaterThanOrEqual(Math.max(leftMs, rules.rise * 200))
        expect(better!.now - now).toBeLessThanOrEqual(mostMs + 200)
      }),
    )
  })
})

describe('an endpoint', () => {
  const risen = live([good, good, good]).at(-1)!

  test('with good probes only stays healthy, and its state is the same object', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1e7 })), (gaps) => {
        let now = risen.now
        let state = risen.after
        for (const gap of gaps) {
          now += gap
          state = reduceHealth(state, good, now, rules)
          expect(state).toBe(risen.after)
        }
      }),
    )
  })

  test('failure 13: with late probes only is never unhealthy', () => {
    const inconclusive = fc.constantFrom<HealthEvent>(
      late,
      { kind: 'probe-inconclusive', cause: 'under-load' },
      { kind: 'probe-inconclusive', cause: 'closed' },
    )
    fc.assert(
      fc.property(fc.array(inconclusive, { maxLength: 500 }), (events) => {
        const statuses = live(events, rules, risen.after, risen.now).map(({ after }) => after.status)
        expect(statuses.filter((status) => status !== 'healthy' && status !== 'impaired')).toEqual([])
      }),
    )
  })

  test('failure 12: that alternates without end settles as impaired or dead, and does not flap without end', () => {
    const pattern = fc
      .array(fc.boolean(), { minLength: 2, maxLength: 20 })
      // More losses than the window allows, and not all bad.
      .filter((probes) => {
        const lost = probes.filter((isBad) => isBad).length
        return lost > probes.length * 0.25 && lost < probes.length
      })
    fc.assert(
      fc.property(pattern, (probes) => {
        const round = probes.map((isBad) => (isBad ? bad : good))
        const steps = live(
          Array.from({ length: 1200 }, (_, index) => round[index % round.length]!),
          rules,
          risen.after,
          risen.now,
        )
        expect(['impaired', 'unhealthy']).toContain(steps.at(-1)!.after.status)
        expect(changesOf(steps.slice(-400))).toEqual([])
      }),
    )
  })
})
