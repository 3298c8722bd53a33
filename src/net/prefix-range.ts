import { addressBits, type Family, type Parsed, type Prefix, parsePrefix } from './prefix.ts'

/** All prefixes within `prefix` whose length is from `minLength` to `maxLength`, both included. */
export interface PrefixRange {
  readonly prefix: Prefix
  /** From the prefix's own length to 32 or 128. */
  readonly minLength: number
  readonly maxLength: number
}

/** What the global table has (RFC 7454, section 6.1.3): most networks drop all that is shorter or longer. */
export const globalLengths: Readonly<Record<Family, readonly [least: number, most: number]>> = {
  ipv4: [8, 24],
  ipv6: [12, 48],
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
  return { prefix, minLength: prefix.length, maxLength: addressBits(prefix.family) }
}

/** `192.0.2.0/24`, `192.0.2.0/24 le 32`, `0.0.0.0/0 ge 8 le 24`: the notation of prefix lists. */
export function formatRange({ prefix, minLength, maxLength }: PrefixRange): string {
  const ge = minLength > prefix.length ? ` ge ${minLength}` : ''
  const le =
    maxLength > minLength || (ge !== '' && maxLength < addressBits(prefix.family)) ? ` le ${maxLength}` : ''
  return `${prefix}${ge}${le}`
}

/** Reads what `formatRange` writes: `ge` alone reaches to single addresses, `le` alone begins at the prefix itself. */
export function parseRange(text: string): Parsed<PrefixRange> {
  const match = /^(\S+?)(?: ge (0|[1-9]\d{0,2}))?(?: le (0|[1-9]\d{0,2}))?$/.exec(text)
  if (match === null) {
    return {
      ok: false,
      problem: 'is not a prefix, nor a prefix with ge and le',
      hint: 'write one such as 203.0.113.0/24, 203.0.113.0/24 le 32 or 0.0.0.0/0 ge 25',
    }
  }
  const parsed = parsePrefix(match[1]!)
  if (!parsed.ok) return parsed
  const prefix = parsed.value
  const bits = addressBits(prefix.family)
  const ge = match[2] === undefined ? null : Number(match[2])
  const le = match[3] === undefined ? null : Number(match[3])
  const minLength = ge ?? prefix.length
  const maxLength = le ?? (ge === null ? prefix.length : bits)
  if (prefix.length <= minLength && minLength <= maxLength && maxLength <= bits) {
    return { ok: true, value: { prefix, minLength, maxLength } }
  }
  return {
    ok: false,
    problem: 'has prefix lengths outside of its range',
    hint: `ge and le are ${prefix.length} to ${bits}, with ge at most le`,
  }
}
