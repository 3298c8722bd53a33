import type { AsnRange } from '../policy/policy.ts'

/** A POSIX regular expression of the decimal numbers of a range: `6449[6-9]|6450[0-9]|6451[01]`. */
export function patternOf({ first, last }: AsnRange): string {
  return [...splitByDigits(first, last)].map(patternOfBlock).join('|')
}

/** Cuts a range into blocks whose numbers differ in their last digits only, each of which runs over whole spans. */
function* splitByDigits(first: number, last: number): Generator<[number, number]> {
  let start = first
  while (start <= last) {
    let size = 1
    while (
      start % (size * 10) === 0 &&
      start + size * 10 - 1 <= last &&
      isSameLength(start, start + size * 10 - 1)
    ) {
      size *= 10
    }
    // As many such blocks as differ in one digit.
    let end = start + size - 1
    while ((end + 1) % (size * 10) !== 0 && end + size <= last && isSameLength(start, end + size)) end += size
    yield [start, end]
    start = end + 1
  }
}

function isSameLength(a: number, b: number): boolean {
  return String(a).length === String(b).length
}

function patternOfBlock([start, end]: [number, number]): string {
  const from = String(start)
  const to = String(end)
  return from
    .split('')
    .map((low, index) => {
      const high = to[index]!
      if (low === high) return low
      return Number(high) === Number(low) + 1 ? `[${low}${high}]` : `[${low}-${high}]`
    })
    .join('')
}
