import { describe, expect, test } from 'vitest'
import type { ProbeTimes } from '../../../src/control/page/page-state.ts'
import { hasGap, mergeTimes } from '../../../src/web/node/merge-times.ts'

const times = (from: number, medians: readonly (number | null)[], check = 'ping'): ProbeTimes => ({
  from,
  series: [{ service: 'vpn', check, min: medians, median: medians, max: medians, bad: medians.map(() => 0) }],
})
const medians = (merged: ProbeTimes) => merged.series[0]!.median

describe('probe times that arrive', () => {
  test('come after those before, and replace the second that was not complete', () => {
    const merged = mergeTimes(times(100, [1, 2, 3]), times(102, [9, 4]), 5)
    expect(merged.from).toBe(99)
    expect(medians(merged)).toEqual([null, 1, 2, 9, 4])
  })

  test('of another controller, which has none of the time before, leave the older ones', () => {
    expect(medians(mergeTimes(times(100, [1, 2, 3]), times(100, [null, null, null, 4]), 4))).toEqual([
      1, 2, 3, 4,
    ])
  })

  test('have a gap if seconds are missing between them, or a check is new', () => {
    const before = times(100, [1, 2, 3])
    expect(hasGap(before, times(103, [4]))).toBe(false)
    expect(hasGap(before, times(104, [4]))).toBe(true)
    expect(hasGap(before, times(103, [4], 'handshake'))).toBe(true)
    expect(hasGap(null, before)).toBe(true)
  })
})
