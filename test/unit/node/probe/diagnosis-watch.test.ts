import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Diagnosis } from '../../../../src/node/probe/diagnose.ts'
import { DiagnosisWatch } from '../../../../src/node/probe/diagnosis-watch.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const patienceMs = 100

function watchOf(find: () => Diagnosis = () => null) {
  let count = 0
  const watch = new DiagnosisWatch({
    diagnose: async () => {
      count += 1
      return find()
    },
    onMissingProgram: () => {},
  })
  return { watch, count: () => count }
}

test('an endpoint that answers later than the patience is diagnosed once a second, not in each cycle', async () => {
  const { watch, count } = watchOf()
  for (let cycle = 0; cycle < 15; cycle += 1) {
    const share = watch.watch(patienceMs)
    await vi.advanceTimersByTimeAsync(150)
    share.end()
    watch.forget()
    await vi.advanceTimersByTimeAsync(50)
  }
  // In 3 s. Without the limit: 15.
  expect(count()).toBe(3)
})

test('nothing is diagnosed while this process itself is not scheduled in time', async () => {
  const { watch, count } = watchOf()
  watch.watch(patienceMs)
  // The clock goes on, and the timers are late.
  const late = performance.now() + 250
  const now = vi.spyOn(performance, 'now').mockReturnValue(late)
  await vi.advanceTimersByTimeAsync(patienceMs)
  now.mockRestore()
  expect(count()).toBe(0)
  watch.watch(patienceMs)
  await vi.advanceTimersByTimeAsync(patienceMs)
  expect(count()).toBe(1)
})

test('the cause stays until the endpoint replies, or another diagnosis finds another', async () => {
  let found: Diagnosis = 'wrong-key'
  const { watch } = watchOf(() => found)
  const share = watch.watch(patienceMs)
  await vi.advanceTimersByTimeAsync(patienceMs)
  expect(share.cause()).toBe('wrong-key')
  await vi.advanceTimersByTimeAsync(5000)
  expect(share.cause()).toBe('wrong-key')
  found = 'peer-missing'
  watch.watch(patienceMs)
  await vi.advanceTimersByTimeAsync(patienceMs)
  expect(share.cause()).toBe('peer-missing')
  watch.forget()
  expect(share.cause()).toBeNull()
})

test.each([
  [true, 'hung'],
  [false, null],
] as const)(
  'a diagnosis without an answer, where WireGuard is a process: %s, is %s',
  async (isProcess, cause) => {
    const watch = new DiagnosisWatch({
      diagnose: () => new Promise(() => {}),
      mayHang: () => isProcess,
      onMissingProgram: () => {},
    })
    const share = watch.watch(patienceMs)
    await vi.advanceTimersByTimeAsync(patienceMs + 500)
    expect(share.cause()).toBe(cause)
  },
)
