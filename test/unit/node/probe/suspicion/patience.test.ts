import { describe, expect, test } from 'vitest'
import { AnswerTimes } from '../../../../../src/node/probe/suspicion/answer-times.ts'
import {
  leastRepeatMs,
  leastSilenceMs,
  Patience,
  type PatienceRules,
} from '../../../../../src/node/probe/suspicion/patience.ts'
import { Suspicion } from '../../../../../src/node/probe/suspicion/suspicion.ts'

const rules: PatienceRules = { intervalMs: 200, timeoutMs: 300, fall: 3 }
const minuteMs = 60_000

/** It has learned that the endpoint answers in 1 ms. */
function taught(given: Partial<PatienceRules> = {}): Patience {
  const patience = new Patience({ ...rules, ...given })
  for (let answer = 0; answer < 20; answer += 1) patience.takeAnswer('ping', 1)
  return patience
}

describe('the limit of an answer', () => {
  const limitOf = (...times: readonly number[]) => {
    const answers = new AnswerTimes()
    for (const ms of times) answers.take(ms)
    return answers.limitMs
  }

  test('follows RFC 6298: three times the first sample, then the smoothed time and four times its deviation', () => {
    expect(limitOf(900, 40)).toBe(40 + 4 * 20)
    // RTTVAR = 3/4 * 20 + 1/4 * 8, SRTT = 7/8 * 40 + 1/8 * 48.
    expect(limitOf(900, 40, 48)).toBe(41 + 4 * 17)
  })

  test('is not learned from the first answer, which comes late', () => {
    expect(limitOf()).toBeNull()
    expect(limitOf(900)).toBeNull()
  })

  test('is never less than the granularity above the usual time', () => {
    expect(limitOf(...Array<number>(200).fill(10))).toBeCloseTo(12)
  })
})

describe('the pace after a missed answer', () => {
  test('is none before an answer was learned', () => {
    expect(new Patience(rules).paceAt(0)).toBeNull()
  })

  test('has its floors: the spacing of initiations, and the silence before which nothing is dead', () => {
    expect(taught().paceAt(0)).toEqual({ repeatMs: leastRepeatMs, roundMs: 2 * leastRepeatMs })
    expect(leastRepeatMs).toBeGreaterThanOrEqual(30)
    for (const fall of [1, 2, 3, 5, 10]) {
      const { roundMs } = taught({ fall }).paceAt(0)!
      expect(fall * roundMs).toBeGreaterThanOrEqual(leastSilenceMs)
    }
  })

  test('follows the slower of echoes and handshakes', () => {
    const patience = taught()
    for (let answer = 0; answer < 100; answer += 1) patience.takeAnswer('handshake', 40)
    expect(patience.paceAt(0)!.repeatMs).toBeCloseTo(42)
    expect(patience.paceAt(0)!.roundMs).toBeCloseTo(84)
  })

  test('gives as long for a bad probe as the endpoint has lately been silent, for an hour', () => {
    const patience = taught()
    patience.takeSilence(150, minuteMs)
    expect(patience.paceAt(2 * minuteMs)?.roundMs).toBe(150)
    expect(patience.paceAt(61 * minuteMs)?.roundMs).toBe(150)
    expect(patience.paceAt(61 * minuteMs + 1)?.roundMs).toBe(2 * leastRepeatMs)
  })

  test('is the same after a restart, whose duration counts', () => {
    const before = taught()
    before.takeSilence(40, minuteMs)
    before.takeSilence(150, 2 * minuteMs)
    const saved = JSON.parse(JSON.stringify(before.save(3 * minuteMs)))
    expect(saved).toEqual([{ agoMs: minuteMs, ms: 150 }])
    const after = taught()
    after.restore(saved, 10 * minuteMs, 0)
    expect(after.paceAt(0)?.roundMs).toBe(150)
    expect(after.paceAt(49 * minuteMs)?.roundMs).toBe(150)
    expect(after.paceAt(49 * minuteMs + 1)?.roundMs).toBe(2 * leastRepeatMs)
  })

  test.each([undefined, null, 'x', [{ agoMs: -1, ms: 150 }], [{ agoMs: 1 }]])(
    'is that of an unknown endpoint where the file has %j',
    (saved) => {
      const patience = taught()
      patience.restore(saved, 0, 0)
      expect(patience.paceAt(0)?.roundMs).toBe(2 * leastRepeatMs)
    },
  )

  test('is none for an endpoint that is silent again and again', () => {
    const patience = taught()
    patience.takeSilence(70, 0)
    patience.takeSilence(70, 1000)
    expect(patience.paceAt(2000)).toBeNull()
    expect(patience.paceAt(60 * minuteMs + 500)).not.toBeNull()
  })

  test('is none where it would be no faster, or longer than the timeout', () => {
    // Without suspicion 700 ms: 3 times 234 is more.
    const patience = taught()
    patience.takeSilence(234, 0)
    expect(patience.paceAt(1)).toBeNull()
    expect(taught({ timeoutMs: 61 }).paceAt(0)).toBeNull()
    expect(taught({ intervalMs: 30, timeoutMs: 100 }).paceAt(0)).toBeNull()
  })

  test.each(['starved', 'under-load'] as const)(
    'is none for ten seconds after a cycle that was %s',
    (cause) => {
      const suspicion = new Suspicion(rules)
      for (let answer = 0; answer < 20; answer += 1) suspicion.takeAnswer('ping', 1)
      expect(suspicion.paceAt(999)).not.toBeNull()
      suspicion.takeInconclusive(cause, 1000)
      expect(suspicion.paceAt(10_999)).toBeNull()
      expect(suspicion.paceAt(11_000)).not.toBeNull()
    },
  )

  test('forgets nothing that it still needs after thousands of lost packets', () => {
    const patience = taught()
    patience.takeSilence(150, 0)
    for (let at = 0; at < 5000; at += 1) patience.takeSilence(leastRepeatMs + 1, at)
    expect(patience.paceAt(5000)?.roundMs).toBe(150)
  })
})
