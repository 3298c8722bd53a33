import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../../scripts/testing/limit.mjs', import.meta.url))
const { limitMinutes, measureSlowness } = (await import(script)) as {
  readonly limitMinutes: (machine: { ci: boolean; slowness: number }) => number
  readonly measureSlowness: (measure?: () => number) => number
}

const samples =
  (...times: number[]) =>
  () =>
    times.shift()!

test('under CI the limit leaves ten of its 90 minutes, also on a slow machine', () => {
  expect(limitMinutes({ ci: true, slowness: 1 })).toBe(80)
  expect(limitMinutes({ ci: true, slowness: 6 })).toBe(80)
})

test('elsewhere the limit grows with the slowness of the machine', () => {
  expect(limitMinutes({ ci: false, slowness: 1 })).toBe(30)
  expect(limitMinutes({ ci: false, slowness: 3.2 })).toBe(96)
})

test('the slowness is the median of five samples against an idle machine, from 1 to 6', () => {
  expect(measureSlowness(samples(100, 900, 250, 90, 260))).toBe(2.5)
  expect(measureSlowness(samples(20, 20, 20, 20, 20))).toBe(1)
  expect(measureSlowness(samples(9000, 9000, 9000, 9000, 9000))).toBe(6)
})

test('the slowness can be measured here', () => {
  expect(measureSlowness()).toBeGreaterThanOrEqual(1)
})
