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

/** Events that are not of the probe. */
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
/** Faults as they are: the same for a while, now and then for long. */
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

/** One event each 200 ms. */
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

describe('whatever happens to an endpoint', () => {
  test('its links outweigh everything', () => {
    fc.assert(
      fc.property(story, (events) => {
        const cut = live(events).filter(({ after }) => after.linkProblem !== null)
        expect(cut.filter(({ after }) => after.status !== 'unhealthy')).toEqual([])
      }),
    )
  })

  test('it gets better only after `rise` good probes in a row, and dies of its probes only after `fall` bad ones', () => {
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

  test('it flaps at most eight times in as long as the longest hold-down: each takes twice the time of the last', () => {
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

  test('it gets worse at most twice without having got better', () => {
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

  test('it gets better only after so long without a bad probe as its flaps ask for', () => {
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

  test('its state is plain data, and goes on from JSON as if nothing had been', () => {
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

  test('its state does not grow', () => {
    fc.assert(
      fc.property(story, (events) => {
        const states = live(events).map(({ after }) => after)
        expect(Math.max(0, ...states.map(({ window }) => window.lost.length))).toBeLessThanOrEqual(20)
        expect(Math.max(0, ...states.map(({ goodInRow }) => goodInRow))).toBeLessThanOrEqual(rules.rise)
      }),
    )
  })

  test('failure 14: a restart neither lengthens nor shortens a hold-down, whatever the wall clock does', () => {
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
        const mended = live(Array<HealthEvent>(400).fill(good), rules, restored!, now)
        const better = mended.find(({ after }) => after.status === 'healthy' || after.status === 'impaired')
        const { initialMs, maxMs } = rules.holdDown
        const holdMs = flaps.count === 0 ? 0 : Math.min(initialMs * 2 ** (flaps.count - 1), maxMs)
        const goodForMs = last.after.goodSince === null ? 0 : last.now - last.after.goodSince
        const leftMs = before === 'unhealthy' ? Math.max(0, holdMs - goodForMs) : 0
        // `rise` probes at least; and the good run's first probe is where it begins.
        const mostMs = Math.max(leftMs + 200, rules.rise * 200)
        expect(better!.now - now).toBeGreaterThanOrEqual(Math.max(leftMs, rules.rise * 200))
        expect(better!.now - now).toBeLessThanOrEqual(mostMs + 200)
      }),
    )
  })
})

describe('an endpoint', () => {
  const risen = live([good, good, good]).at(-1)!

  test('that is only ever good stays healthy, and its state the same object', () => {
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

  test('failure 13: of which nothing but late probes come is never unhealthy, however often', () => {
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

  test('failure 12: that alternates for ever comes to rest impaired or dead, and is never announced and withdrawn for ever', () => {
    const pattern = fc
      .array(fc.boolean(), { minLength: 2, maxLength: 20 })
      // More than the window bears, and not all bad.
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
