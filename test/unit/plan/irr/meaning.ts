import { addressBits } from '../../../../src/net/prefix.ts'
import type { PrefixRange } from '../../../../src/net/prefix-range.ts'

/**
 * The set that ranges match, in a canonical form: for each family and prefix length the intervals
 * of addresses, merged. A prefix of that length is matched exactly if it lies in one of them.
 */
export function meaningOf(ranges: readonly PrefixRange[]): ReadonlyMap<string, readonly string[]> {
  const intervals = new Map<string, [bigint, bigint][]>()
  for (const { prefix, minLength, maxLength } of ranges) {
    const start = prefix.network.value
    const end = start + (1n << BigInt(addressBits(prefix.family) - prefix.length))
    for (let length = minLength; length <= maxLength; length += 1) {
      const key = `${prefix.family} /${length}`
      const known = intervals.get(key)
      if (known === undefined) intervals.set(key, [[start, end]])
      else known.push([start, end])
    }
  }
  return new Map([...intervals].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, all]) => [key, merge(all)]))
}

function merge(intervals: readonly [bigint, bigint][]): string[] {
  const merged: [bigint, bigint][] = []
  for (const [start, end] of [...intervals].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
    const last = merged.at(-1)
    if (last === undefined || start > last[1]) merged.push([start, end])
    else if (end > last[1]) last[1] = end
  }
  return merged.map(([start, end]) => `${start}-${end}`)
}
