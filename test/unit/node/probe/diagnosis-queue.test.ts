import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DiagnosisQueue } from '../../../../src/node/probe/diagnosis-queue.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function queueOf(count: number) {
  const queue = new DiagnosisQueue()
  const begun: number[] = []
  const begins = Array.from({ length: count }, (_, at) => () => void begun.push(at))
  return { queue, begun, begins }
}

test('the first one starts at once', () => {
  const { queue, begun, begins } = queueOf(1)
  queue.enter(begins[0]!)
  expect(begun).toEqual([0])
})

test('a hundred diagnoses requested at once start one after another, in order', () => {
  const { queue, begun, begins } = queueOf(100)
  for (const begin of begins) queue.enter(begin)
  expect(begun).toEqual([0])
  vi.advanceTimersByTime(1000)
  expect(begun).toEqual([0, 1, 2, 3, 4, 5])
  // In each cycle the same ones ask first: they must not block the others.
  for (const begin of begins) queue.enter(begin)
  vi.advanceTimersByTime(30_000)
  expect(begun.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, at) => at))
})

test('a diagnosis that is no longer needed does not start', () => {
  const { queue, begun, begins } = queueOf(3)
  for (const begin of begins) queue.enter(begin)
  queue.leave(begins[1]!)
  vi.advanceTimersByTime(1000)
  expect(begun).toEqual([0, 2])
})

test('after a pause the next one starts at once', () => {
  const { queue, begun, begins } = queueOf(2)
  queue.enter(begins[0]!)
  vi.advanceTimersByTime(1000)
  queue.enter(begins[1]!)
  expect(begun).toEqual([0, 1])
})
