import { expect, test } from 'vitest'
import { judgeLate } from '../../../../src/node/health/lateness.ts'
import type { ProbeResult } from '../../../../src/node/probe/result.ts'

function badFor(cause: string): ProbeResult {
  return { outcome: 'bad', check: 'ping', cause, detail: 'it did not answer within 300 ms' }
}

test('failure 13: no reply in a late cycle is inconclusive', () => {
  expect(judgeLate(badFor('no-reply'), 101.4, 200)).toEqual({
    outcome: 'inconclusive',
    cause: 'starved',
    detail: 'it did not answer within 300 ms; but the timers of this machine were late by 101 ms',
  })
})

test.each([
  [100, 200, 'bad'],
  [100.5, 200, 'inconclusive'],
  [50, 30, 'bad'],
  [51, 30, 'inconclusive'],
  [400, 1000, 'bad'],
  [501, 1000, 'inconclusive'],
])('%d ms late at an interval of %d ms is %s', (lateMs, intervalMs, outcome) => {
  expect(judgeLate(badFor('no-reply'), lateMs, intervalMs).outcome).toBe(outcome)
})

test.each(['late', 'hung'])('`%s` is silence as well', (cause) => {
  expect(judgeLate(badFor(cause), 5000, 200).outcome).toBe('inconclusive')
})

test.each(['refused', 'unreachable', 'unauthenticated', 'wrong-key', 'wrong-port', 'peer-missing'])(
  '`%s` is proof, however late',
  (cause) => {
    expect(judgeLate(badFor(cause), 5000, 200)).toEqual(badFor(cause))
  },
)

test('a good result counts, however late this machine was', () => {
  const good = { outcome: 'good', handshakeMs: 3, pingMs: 1 } as const
  expect(judgeLate(good, 5000, 200)).toBe(good)
})
