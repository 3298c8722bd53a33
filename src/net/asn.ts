import type { Parsed } from './prefix.ts'

/** Numbers that no speaker may use as its own: RFC 7607, RFC 6793, RFC 7300. */
const reserved = new Map([
  [0, 'is reserved (RFC 7607)'],
  [23456, 'is AS_TRANS, a placeholder that no AS may use (RFC 6793)'],
  [65535, 'is reserved (RFC 7300)'],
  [4294967295, 'is reserved (RFC 7300)'],
])

/** Checks an autonomous system number in plain notation: 1 to 4294967294, and none of the reserved ones. */
export function parseAsn(asn: number): Parsed<number> {
  const why = reserved.get(asn)
  if (why !== undefined)
    return { ok: false, problem: why, hint: 'write the number that your registry assigned' }
  if (!Number.isInteger(asn) || asn < 0 || asn > 4294967295) {
    return {
      ok: false,
      problem: 'is not an AS number',
      hint: 'an AS number is a whole number from 1 to 4294967294',
    }
  }
  return { ok: true, value: asn }
}

/** The plain form of `1.10` (asdot, RFC 5396), or `null` where the text is no such thing. */
export function plainFromAsdot(text: string): number | null {
  const match = /^(\d{1,5})\.(\d{1,5})$/.exec(text)
  if (match === null) return null
  const high = Number(match[1])
  const low = Number(match[2])
  return high <= 65535 && low <= 65535 ? high * 65536 + low : null
}

/** For use within a network, or between networks that agree (RFC 6996). */
export function isPrivateAsn(asn: number): boolean {
  return (asn >= 64512 && asn <= 65534) || (asn >= 4_200_000_000 && asn <= 4_294_967_294)
}
