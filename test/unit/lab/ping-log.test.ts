import { expect, test } from 'vitest'
import { findOutage, parsePingLog } from '../../../src/lab/scenario/ping-log.ts'

const log = `PING 10.80.0.1 (10.80.0.1) 56(84) bytes of data.
[1700000000.000000] 64 bytes from 10.80.0.1: icmp_seq=1 ttl=64 time=0.431 ms
[1700000000.020000] 64 bytes from 10.80.0.1: icmp_seq=2 ttl=64 time=0.402 ms
[1700000000.060000] no answer yet for icmp_seq=3
From 10.80.0.3 icmp_seq=4 Destination Host Unreachable
[1700000015.220000] 64 bytes from 10.80.0.1: icmp_seq=762 ttl=64 time=0.455 ms
[1700000015.240000] 64 bytes from 10.80.0.1: icmp_seq=763 ttl=6`

test('only complete lines count', () => {
  expect(parsePingLog(log).map(({ sequence }) => sequence)).toEqual([1, 2, 762])
})

test('an outage lasts from the last answer to the next, and counts the lost packets between', () => {
  const outage = findOutage(parsePingLog(log), 1_700_000_000_030)
  expect(outage?.packetsLost).toBe(759)
  expect(outage?.durationMs).toBeCloseTo(15_200, 0)
})

test('an outage that ended before the fault is not counted', () => {
  expect(findOutage(parsePingLog(log), 1_700_000_016_000)).toBeNull()
})

test('a sequence number that wraps to 0 is not a loss', () => {
  const replies = [
    { atMs: 0, sequence: 65_535 },
    { atMs: 20, sequence: 0 },
    { atMs: 40, sequence: 1 },
  ]
  expect(findOutage(replies, 0)).toBeNull()
})

test('reordered answers are not a loss', () => {
  const replies = [
    { atMs: 0, sequence: 5 },
    { atMs: 20, sequence: 4 },
    { atMs: 40, sequence: 6 },
  ]
  expect(findOutage(replies, 0)?.packetsLost).toBe(1)
})
