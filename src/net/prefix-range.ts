import type { Family, Prefix } from './prefix.ts'

/** All prefixes within `prefix` whose length is from `minLength` to `maxLength`, both included. */
export interface PrefixRange {
  readonly prefix: Prefix
  /** From the prefix's own length to 32 or 128. */
  readonly minLength: number
  readonly maxLength: number
}

export function rangeContains(range: PrefixRange, prefix: Prefix): boolean {
  return prefix.length >= range.minLength && prefix.length <= range.maxLength && range.prefix.contains(prefix)
}

/** Just the one prefix. */
export function exactly(prefix: Prefix): PrefixRange {
  return { prefix, minLength: prefix.length, maxLength: prefix.length }
}

/** The prefix and all its more-specifics. */
export function orLonger(prefix: Prefix): PrefixRange {
  return { prefix, minLength: prefix.length, maxLength: bitsOf[prefix.family] }
}

const bitsOf: Readonly<Record<Family, number>> = { ipv4: 32, ipv6: 128 }

/** `192.0.2.0/24`, `192.0.2.0/24 le 32`, `0.0.0.0/0 ge 8 le 24`: the notation of prefix lists. */
export function formatRange({ prefix, minLength, maxLength }: PrefixRange): string {
  const ge = minLength > prefix.length ? ` ge ${minLength}` : ''
  const le =
    maxLength > minLength || (ge !== '' && maxLength < bitsOf[prefix.family]) ? ` le ${maxLength}` : ''
  return `${prefix}${ge}${le}`
}
