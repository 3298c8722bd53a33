import type { ProbeSeries } from '../../control/page/page-state.ts'
import { count } from '../../text/count.ts'
import { milliseconds } from '../words.ts'

export const width = 300
export const height = 40

/** The shapes, one unit a second. Pure. */
export function draw({ check, min, median, max, bad }: ProbeSeries) {
  const times = max.filter((ms) => ms !== null)
  const top = times.length === 0 ? null : Math.max(...times)
  const y = (ms: number) => (height - 8 - ((height - 10) * ms) / (top || 1)).toFixed(1)
  const at = (second: number) => second + width - bad.length
  let line = ''
  let band = ''
  let isDown = false
  for (let second = 0; second < bad.length; second += 1) {
    const middle = median[second] ?? null
    if (middle === null) {
      // A check with a long interval has no time in most seconds.
      if (bad[second]! > 0) isDown = false
      continue
    }
    line += `${isDown ? 'L' : 'M'}${at(second)} ${y(middle)}`
    isDown = true
    const [low, high] = [y(min[second]!), y(max[second]!)]
    if (low !== high) band += `M${at(second)} ${low}V${high}`
  }
  const bars = bad.flatMap((amount, second) => (amount > 0 ? [`M${at(second)} ${height}v-7`] : []))
  const badTotal = bad.reduce((sum, amount) => sum + amount, 0)
  const sorted = median.filter((ms) => ms !== null).toSorted((a, b) => a - b)
  const usual =
    sorted.length === 0
      ? 'no good probe'
      : `usually ${milliseconds(sorted[sorted.length >> 1]!)}, at most ${milliseconds(top!)}`
  return {
    ...{ top, line, band, badTotal, bad: bars.join('') },
    usual: sorted.length === 0 ? null : sorted[sorted.length >> 1]!,
    text: `${check}, last ${Math.round(bad.length / 60)} minutes: ${usual}, ${count(badTotal, 'bad probe')}`,
  }
}
