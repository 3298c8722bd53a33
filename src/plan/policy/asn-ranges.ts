import type { AsnRange } from './policy.ts'

/** AS numbers that must not be in a public path: IANA's special-purpose registry, and unallocated ranges. */
export const bogonAsns: readonly AsnRange[] = [
  { first: 23456, last: 23456 }, // AS_TRANS, RFC 6793
  // Documentation (RFC 5398), private (RFC 6996), the last of 16 bits (RFC 7300), documentation, and reserved by IANA.
  { first: 64496, last: 131071 },
  { first: 4200000000, last: 4294967295 }, // private (RFC 6996), and the last one (RFC 7300)
]

/**
 * Networks that buy no transit. A peer that sends a path with one of them leaks: all other networks reach these
 * through transit.
 */
export const tier1Asns: readonly number[] = [
  174, 701, 1299, 2914, 3257, 3320, 3356, 3491, 5511, 6453, 6461, 6762, 6830, 7018, 12956,
]

export function isAmong(ranges: readonly AsnRange[], asn: number): boolean {
  return ranges.some(({ first, last }) => asn >= first && asn <= last)
}

/** The ranges without one of their numbers. */
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
