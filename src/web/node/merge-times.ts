import type { ProbeSeries, ProbeTimes } from '../../control/page/page-state.ts'

const values = ['min', 'median', 'max', 'bad'] as const

/** Whether seconds between these are missing: then the page asks for all. */
export function hasGap(before: ProbeTimes | null, newer: ProbeTimes): boolean {
  if (before === null) return true
  const known = new Set(before.series.map(keyOf))
  return newer.from > endOf(before) || newer.series.some((one) => !known.has(keyOf(one)))
}

/** The last `seconds` of both; where both have a second, `newer` counts, unless it has nothing there. */
export function mergeTimes(before: ProbeTimes | null, newer: ProbeTimes, seconds = 300): ProbeTimes {
  const end = endOf(newer)
  const from = end - seconds
  const old = new Map(before?.series.map((one) => [keyOf(one), one]))
  return {
    from,
    series: newer.series.map((one) => {
      const earlier = old.get(keyOf(one))
      const merged = Array.from({ length: seconds }, (_, at) => {
        const new_ = pick(one, from + at - newer.from)
        const isEmpty = new_ === null || (new_.max === null && new_.bad === 0)
        const old_ = earlier && before ? pick(earlier, from + at - before.from) : null
        return (isEmpty ? (old_ ?? new_) : new_) ?? nothing
      })
      const columns = Object.fromEntries(values.map((name) => [name, merged.map((second) => second[name])]))
      return { service: one.service, check: one.check, ...columns } as unknown as ProbeSeries
    }),
  }
}

const nothing = { min: null, median: null, max: null, bad: 0 }

function pick({ min, median, max, bad }: ProbeSeries, at: number) {
  if (at < 0 || at >= bad.length) return null
  return { min: min[at]!, median: median[at]!, max: max[at]!, bad: bad[at]! }
}

function keyOf({ service, check }: ProbeSeries): string {
  return `${service} ${check}`
}

/** The first second after them. */
function endOf({ from, series }: ProbeTimes): number {
  return from + (series[0]?.bad.length ?? 0)
}
