import { describe, expect, test } from 'vitest'
import { draw } from '../../../src/web/node/plot-shape.ts'

const series = (median: (number | null)[], bad: number[]) => ({
  ...{ service: 'vpn', check: 'ping', bad },
  ...{ median, min: median.map((ms) => ms && ms / 2), max: median.map((ms) => ms && ms * 2) },
})

describe('the plot of a check', () => {
  test('is in words too', () => {
    const { text, usual, top, badTotal } = draw(series([1, 2, 3, null], [0, 0, 0, 5]))
    expect(text).toBe('ping, last 0 minutes: usually 2.0 ms, at most 6.0 ms, 5 bad probes')
    expect({ usual, top, badTotal }).toEqual({ usual: 2, top: 6, badTotal: 5 })
    expect(draw(series([null], [1])).text).toContain('no good probe, 1 bad probe')
  })

  test('has its line interrupted where probes are bad, and not where there are none', () => {
    const moves = (line: string) => line.match(/M/g)!.length
    expect(moves(draw(series([1, null, 1], [0, 3, 0])).line)).toBe(2)
    expect(moves(draw(series([1, null, 1], [0, 0, 0])).line)).toBe(1)
  })

  test('ends at the right edge, and stays within its height', () => {
    const { line, band, bad } = draw(series([1, 50, 0], [0, 0, 1]))
    expect(line).toMatch(/L299 [\d.]+$/)
    expect(bad).toMatch(/^M299 40v-7$/)
    const heights = [...`${line}${band}`.matchAll(/(?:\d+ |V)(-?[\d.]+)/g)].map(([, y]) => Number(y))
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...heights)).toBeLessThanOrEqual(40)
  })
})
