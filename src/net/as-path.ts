import type { Parsed } from './prefix.ts'

/** AS numbers, the neighbor's first; a list within is an AS_SET (RFC 4271, section 4.3). */
export type AsPath = readonly (number | readonly number[])[]

/** Parses `64601 15169` and `64601 {15169,64500}`; an empty text is the path of a route of our own. */
export function parseAsPath(text: string): Parsed<AsPath> {
  const elements = text.match(/\{[^{}]*\}|[^\s{}]+|[{}]/g) ?? []
  const path: (number | readonly number[])[] = []
  for (const element of elements) {
    const isSet = element.startsWith('{') && element.endsWith('}')
    const numbers = (isSet ? element.slice(1, -1).split(/[\s,]+/) : [element]).map(readNumber)
    if (numbers.some((asn) => asn === null)) {
      return {
        ok: false,
        problem: 'is not an AS path',
        hint: 'write AS numbers separated by spaces, the neighbor’s first, such as "64601 15169"',
      }
    }
    path.push(isSet ? (numbers as number[]) : numbers[0]!)
  }
  return { ok: true, value: path }
}

export function formatAsPath(path: AsPath): string {
  return path
    .map((element) => (typeof element === 'number' ? String(element) : `{${element.join(',')}}`))
    .join(' ')
}

function readNumber(text: string): number | null {
  const asn = /^(?:0|[1-9]\d{0,9})$/.test(text) ? Number(text) : Number.NaN
  return asn <= 4294967295 ? asn : null
}
