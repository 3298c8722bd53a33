import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type DrainInput,
  type DrainState,
  initialDrain,
  reduceDrain,
  restoreDrain,
  saveDrain,
} from '../../src/node/decision/drain.ts'

const settings = fc.record({
  idleMs: fc.constantFrom(0, 100, 3000),
  limitMs: fc.constantFrom(0, 500, 60_000),
  undrainMs: fc.constantFrom(0, 500, 10_000),
})
const steps = fc.array(
  fc.record({
    afterMs: fc.nat(5000),
    intent: fc.constantFrom<DrainInput['intent']>('serve', 'serve', 'drain', 'drain', 'drain', 'withdraw'),
    announced: fc.constantFrom(true, true, true, true, false, null),
    verified: fc.boolean(),
    idleForMs: fc.option(fc.nat(10_000)),
    /** By the wall clock, which may have jumped meanwhile. */
    restartedAfterMs: fc.option(fc.integer({ min: -100_000, max: 100_000 }), { freq: 8 }),
  }),
  { maxLength: 60 },
)
const walks = fc.record({ settings, degradable: fc.boolean(), steps })
type Walk = typeof walks extends fc.Arbitrary<infer T> ? T : never

function walk(
  { settings, degradable, steps }: Walk,
  visit: (before: DrainState, after: DrainState, input: DrainInput, now: number) => void,
): void {
  let now = 0
  let state = initialDrain(now)
  for (const { afterMs, intent, announced, verified, idleForMs, restartedAfterMs } of steps) {
    now += afterMs
    if (restartedAfterMs !== null) state = restoreDrain(saveDrain(state, now), restartedAfterMs, now)
    const traffic = idleForMs === null ? null : { idleSince: now - idleForMs, sending: 0 }
    const degraded = { neighbors: verified ? 1 : 0, verified }
    const input = { intent, settings, degradable, announced, degraded, traffic }
    const after = reduceDrain(state, input, now)
    visit(state, after, input, now)
    state = after
  }
}

/** Fails unless the walks cover the cases of the law. */
function check(law: (...step: Parameters<Parameters<typeof walk>[1]>) => boolean): void {
  let applied = 0
  fc.assert(
    fc.property(walks, (given) => {
      walk(given, (...step) => {
        if (law(...step)) applied += 1
      })
    }),
    { numRuns: 1000 },
  )
  expect(applied).toBeGreaterThan(10)
}

test('a drain never withdraws an announced service without degrading it first', () => {
  check((before, after, { intent, announced, degradable, settings }) => {
    if (after.stage !== 'drained' || before.stage === 'drained') return false
    if (intent === 'withdraw' || announced !== true || !degradable || settings.limitMs === 0) return false
    expect(before.stage).toBe('degrading')
    return true
  })
})

test('no drain lasts longer than its limit, and none ends early without a reason', () => {
  check((before, after, { settings, traffic, degraded }, now) => {
    if (after.stage === 'degrading') expect(now - after.since).toBeLessThan(settings.limitMs)
    const hasEnded = before.stage !== 'drained' && after.ending === 'traffic-gone'
    if (!hasEnded) return after.stage === 'degrading'
    expect(degraded.verified).toBe(true)
    if (settings.idleMs > 0) expect(now - traffic!.idleSince).toBeGreaterThanOrEqual(settings.idleMs)
    return true
  })
})

test('the stage follows the order: a node ordered to serve is not draining, and one ordered to drain is not returning', () => {
  check((_before, { stage }, { intent }) => {
    expect(intent === 'serve' ? ['none', 'returning'] : ['degrading', 'drained']).toContain(stage)
    return true
  })
})

test('a drained service stays drained until the order to serve, and then returns through the degraded routes', () => {
  check((before, after, { intent, degradable, settings }) => {
    if (before.stage !== 'drained') return false
    if (intent !== 'serve') expect(after).toBe(before)
    else expect(after.stage).toBe(degradable && settings.undrainMs > 0 ? 'returning' : 'none')
    return true
  })
})

test('a step repeated at the same time changes nothing', () => {
  check((before, after, input, now) => {
    // A drain that has just begun has not observed the neighbors yet.
    if (after.stage === 'degrading' && before.stage !== 'degrading') return false
    expect(reduceDrain(after, input, now)).toEqual(after)
    expect((after.ending !== null) === (after.stage === 'drained')).toBe(true)
    return true
  })
})
