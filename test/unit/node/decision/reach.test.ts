import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  describeReach,
  type ReachState,
  type RemoteCount,
  reduceReach,
  withinReach,
} from '../../../../src/node/decision/reach.ts'

const rules = { initialMs: 1000, maxMs: 60_000 }
const out: RemoteCount = { sites: 3, failing: 2 }
const well: RemoteCount = { sites: 3, failing: 1 }

/** From `fromMs`, each 250 ms. */
function see(state: ReachState, count: RemoteCount | null, fromMs: number, forMs: number): ReachState {
  let next = state
  for (let at = fromMs; at <= fromMs + forMs; at += 250) next = reduceReach(next, count, at, rules)
  return next
}

test('an endpoint is out of reach when most sites have not reached it for 3 s', () => {
  expect(see(withinReach, out, 0, 2750).outOfReach).toBe(false)
  expect(see(withinReach, out, 0, 3000).outOfReach).toBe(true)
})

test.for<[string, RemoteCount | null]>([
  ['one site', { sites: 1, failing: 1 }],
  ['half of them', { sites: 4, failing: 2 }],
  ['none', null],
])('%s is not most', ([, count]) => {
  expect(see(withinReach, count, 0, 60_000).outOfReach).toBe(false)
})

test('it is within reach again after 3 s, also when no site says anything any more', () => {
  for (const count of [well, null]) {
    const state = see(see(withinReach, out, 0, 3000), count, 4000, 2750)
    expect(state.outOfReach).toBe(true)
    expect(reduceReach(state, count, 7000, rules).outOfReach).toBe(false)
  }
})

test('a moment in which they reach it begins the time again', () => {
  const state = reduceReach(see(withinReach, out, 0, 2750), well, 3000, rules)
  expect(see(state, out, 3250, 2750).outOfReach).toBe(false)
})

test('each flap doubles the hold-down', () => {
  let state = withinReach
  let nowMs = 0
  const returnsAfterMs = () => {
    const until = (outOfReach: boolean, count: RemoteCount) => {
      for (; state.outOfReach !== outOfReach; nowMs += 250) state = reduceReach(state, count, nowMs, rules)
    }
    until(true, out)
    const fromMs = nowMs
    until(false, well)
    return nowMs - fromMs - 250
  }
  expect(Array.from({ length: 8 }, returnsAfterMs)).toEqual([
    3000, 3000, 3000, 4000, 8000, 16_000, 32_000, 60_000,
  ])
})

test('whatever they say, two changes are at least 3 s apart', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(out, well, null), { maxLength: 300 }), (counts) => {
      let state = withinReach
      let changedAtMs = -3000
      for (const [at, count] of counts.entries()) {
        const next = reduceReach(state, count, 250 * at, rules)
        if (next.outOfReach !== state.outOfReach) {
          expect(250 * at - changedAtMs).toBeGreaterThanOrEqual(3000)
          changedAtMs = 250 * at
        }
        state = next
      }
    }),
  )
})

test('the reason says what the sites say now', () => {
  const state = { ...withinReach, outOfReach: true }
  expect(describeReach(withinReach, out)).toBeNull()
  expect(describeReach(state, out)).toBe('2 of 3 sites that probe it do not reach it')
  expect(describeReach(state, well)).toBe('other sites reach it again, but not yet for long enough')
  expect(describeReach(state, null)).toBe('other sites reach it again, but not yet for long enough')
})
