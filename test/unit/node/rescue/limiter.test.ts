import { expect, test } from 'vitest'
import { Pace, PeerLimiter, peerLimits } from '../../../../src/node/rescue/limiter.ts'

test('a client that goes to another site and back, several times within a minute, is rescued at once each time', () => {
  const limiter = new PeerLimiter()
  expect([0, 5_000, 25_000, 60_000].map((atMs) => limiter.begin('vpn a', atMs))).toEqual([0, 0, 0, 0])
})

test('a client that flaps on waits twice as long after each rescue, up to a minute', () => {
  const limiter = new PeerLimiter()
  const begun: number[] = []
  for (let nowMs = 0; nowMs < 300_000; nowMs += 100) if (limiter.begin('a', nowMs) === 0) begun.push(nowMs)
  const gaps = begun.slice(1).map((atMs, index) => atMs - begun[index]!)
  expect(gaps).toEqual([100, 100, 100, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 64_000, 64_000])
})

test('the wait that is reported is the one that is left, and asking early costs nothing', () => {
  const limiter = new PeerLimiter()
  for (let index = 0; index < peerLimits.free; index += 1) limiter.begin('a', 0)
  expect(limiter.begin('a', 500)).toBe(1_500)
  expect(limiter.begin('a', 1_999)).toBe(1)
  expect(limiter.begin('a', 2_000)).toBe(0)
})

test('one peer never delays another', () => {
  const limiter = new PeerLimiter()
  for (let index = 0; index < 10; index += 1) limiter.begin('a', 0)
  expect(limiter.begin('b', 0)).toBe(0)
})

test('a peer that was not rescued for three minutes is forgotten', () => {
  const limiter = new PeerLimiter()
  for (let index = 0; index < 8; index += 1) limiter.begin('a', index * 60_000)
  expect(limiter.begin('a', 7 * 60_000 + peerLimits.forgetMs)).toBe(0)
  expect(limiter.size).toBe(1)
})

test('the peers that are remembered are bounded: further ones wait until one is forgotten', () => {
  const limiter = new PeerLimiter({ ...peerLimits, limit: 2 })
  limiter.begin('a', 0)
  limiter.begin('b', 1_000)
  expect(limiter.begin('c', 2_000)).toBe(peerLimits.forgetMs - 2_000)
  expect(limiter.begin('b', 2_000)).toBe(0)
  expect(limiter.begin('c', peerLimits.forgetMs)).toBe(0)
  expect(limiter.size).toBe(2)
})

test('a pace lets a burst go at once, and then so many a second', () => {
  const pace = new Pace({ perSecond: 1000, burst: 20 }, 0)
  expect(pace.take(50, 0)).toBe(20)
  expect(pace.waitMs(0)).toBe(1)
  let sent = 0
  for (let nowMs = 0; nowMs <= 1000; nowMs += 7) sent += pace.take(50, nowMs)
  expect(sent).toBeGreaterThan(980)
  expect(sent).toBeLessThanOrEqual(1000)
})

test('a pause fills no more than the burst, and a clock that goes back gives nothing', () => {
  const pace = new Pace({ perSecond: 1000, burst: 20 }, 0)
  pace.take(20, 0)
  expect(pace.take(50, 3_600_000)).toBe(20)
  expect(pace.take(50, 0)).toBe(0)
  expect(pace.take(50, 3_600_001)).toBe(1)
})
