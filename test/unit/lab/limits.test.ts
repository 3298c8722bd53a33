import { expect, test } from 'vitest'
import {
  batchLimitMs,
  commandLimitMs,
  downLimitMs,
  readyLimitMs,
  startsAtOnce,
} from '../../../src/lab/limits.ts'

test('the limits of a lab grow with the number of its nodes, namespaces and commands', () => {
  expect(readyLimitMs(3)).toBe(75_000)
  expect(readyLimitMs(40)).toBe(260_000)
  expect(downLimitMs(200)).toBeGreaterThanOrEqual(10 * (downLimitMs(20) - downLimitMs(0)))
  expect(batchLimitMs(0)).toBe(commandLimitMs)
  expect(batchLimitMs(1500)).toBe(commandLimitMs + 150_000)
})

test('the number of concurrent starts depends on the processors, not on the size of the fleet', () => {
  expect(startsAtOnce(1)).toBe(4)
  expect(startsAtOnce(2)).toBe(6)
  expect(startsAtOnce(8)).toBe(18)
})
