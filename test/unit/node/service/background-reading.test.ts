import { expect, test, vi } from 'vitest'
import { BackgroundReading } from '../../../../src/node/service/background-reading.ts'

test('what a reading found is given until the next has ended, and not while that hangs', async () => {
  let nowMs = 0
  let end: (found: string) => void = () => {}
  const read = () => new Promise<string>((resolve) => (end = resolve))
  const reading = new BackgroundReading(read, 1000, { now: () => nowMs })
  expect(reading.get()).toBeNull()
  end('first')
  await vi.waitFor(() => expect(reading.get()).toBe('first'))
  nowMs = 1000
  expect(reading.get()).toBe('first')
  nowMs = 30_999
  expect(reading.get()).toBe('first')
  nowMs = 31_000
  expect(reading.get()).toBeNull()
  end('second')
  await vi.waitFor(() => expect(reading.get()).toBe('second'))
})
