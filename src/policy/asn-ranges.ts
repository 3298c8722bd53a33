import type { AsnRange } from './policy.ts'

/** AS numbers that have no place in a public path: IANA's special-purpose registry, and what is not handed out. */
export const bogonAsns: readonly AsnRange[] = [
  { first: 23456, last: 23456 }, // AS_TRANS, RFC 6793
  // Documentation (RFC 5398), private (RFC 6996), the last of 16 bits (RFC 7300), documentation, and what IANA keeps.
  { first: 64496, last: 131071 },
  { first: 4200000000, last: 4294967295 }, // private (RFC 6996), and the last one (RFC 7300)
]

/**
 * Networks that pay nobody for transit. A peer that tells us a path with one of them leaks: whoever is not a tier-1
 * network itself reaches those by transit.
 */
export const tier1Asns: readonly number[] = [
  174, 701, 1299, 2914, 3257, 3320, 3356, 3491, 5511, 6453, 6461, 6762, 6830, 7018, 12956,
]

export function isAmong(ranges: readonly AsnRange[], asn: number): boolean {
  return ranges.some(({ first, last }) => asn >= first && asn <= last)
}

/** The ranges without one number of theirs. */
export function withoutAsn(ranges: readonly AsnRange[], asn: number): readonly AsnRange[] {
  return ranges.flatMap((range) =>
    asn < range.first || asn > range.last
      ? [range]
      : [
          { first: range.first, last: asn - 1 },
          { first: asn + 1, last: range.last },
        ].filter(({ first, last }) => first <= last),
  )
}
