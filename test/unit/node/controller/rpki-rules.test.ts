import { expect, test } from 'vitest'
import {
  isReconnectDue,
  judgeLook,
  type ReevaluationReason,
  type RpkiRules,
  unseen,
} from '../../../../src/node/controller/watch/rpki-rules.ts'

const rules: RpkiRules = {
  settleMs: 4000,
  leastMs: 10_000,
  mostMs: 60_000,
  reconnectMs: 20_000,
  acceptsAtExpiry: false,
}

/** The action after each of these observations, 2 s apart: `cache fingerprint`, or `- fingerprint` without a cache. */
function play(looks: readonly string[], { acceptsAtExpiry = false } = {}): string {
  let state = unseen
  const done: (ReevaluationReason | null)[] = []
  for (const [at, look] of looks.entries()) {
    const [cache, fingerprint] = look.split(' ') as [string, string]
    const found = { cache: cache === '-' ? null : cache, fingerprint }
    const judged = judgeLook(state, found, at * 2000, { ...rules, acceptsAtExpiry })
    state = judged.state
    done.push(judged.reevaluate)
  }
  return done
    .map((reason, at) => (reason === null ? '' : `${at}:${reason} `))
    .join('')
    .trim()
}

const times = (count: number, look: string) => Array.from({ length: count }, () => look)

test('routes received before the first VRPs are validated once the VRPs have settled', () => {
  expect(play([...times(3, '- 0'), ...times(5, 'a 7')])).toBe('5:first')
})

test('nothing is validated again before a cache has answered', () => {
  expect(play(times(50, '- 0'))).toBe('')
  expect(play(times(50, '- 0'), { acceptsAtExpiry: true })).toBe('')
})

test('a change is validated once it has settled, not while it continues', () => {
  expect(play([...times(10, 'a 7'), 'a 8', 'a 9', 'a 10', ...times(5, 'a 11')])).toBe('2:first 15:changed')
})

test('changes in quick succession are validated together', () => {
  expect(play([...times(4, 'a 7'), ...times(20, 'a 8')])).toBe('2:first 7:changed')
})

test('the same VRPs from another cache are validated again', () => {
  expect(play([...times(10, 'a 7'), ...times(10, 'b 7')])).toBe('2:first 12:changed')
})

test('routes are validated again after the cache came back, also with the same VRPs', () => {
  expect(play([...times(10, 'a 7'), '- 7', ...times(10, 'a 7')])).toBe('2:first 13:changed')
})

test('with the last good set kept, rejected routes stay rejected while no cache answers, also after expiry', () => {
  expect(play([...times(10, 'a 7'), ...times(10, '- 7'), ...times(50, '- 0')])).toBe('2:first')
})

test('with accept at expiry, routes are accepted without validation once the data has expired', () => {
  const looks = [...times(10, 'a 7'), ...times(10, '- 7'), ...times(50, '- 0')]
  expect(play(looks, { acceptsAtExpiry: true })).toBe('2:first 12:changed 22:changed')
})

test('all routes are validated periodically, for a change that the fingerprint does not show', () => {
  expect(play(times(70, 'a 7'))).toBe('2:first 32:periodic 62:periodic')
})

test('the daemon restarts its RPKI connections at growing intervals, and only where there is a last good server', () => {
  const due = (attempts: number, sinceMs: number) => isReconnectDue({ sinceMs: 0, attempts }, sinceMs, rules)
  expect([due(0, 19_999), due(0, 20_000)]).toEqual([false, true])
  expect([due(2, 79_999), due(2, 80_000)]).toEqual([false, true])
  expect([due(99, 639_999), due(99, 640_000)]).toEqual([false, true])
  expect(isReconnectDue({ sinceMs: 0, attempts: 0 }, 1e9, { ...rules, acceptsAtExpiry: true })).toBe(false)
})
