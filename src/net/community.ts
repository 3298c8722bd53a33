import type { Parsed } from './prefix.ts'

/** The sorts of extended communities that both daemons write and match: route target and route origin (RFC 4360). */
export type ExtendedSort = 'rt' | 'ro'

/**
 * A standard community (RFC 1997) has two parts of 16 bits, a large one (RFC 8092) three of 32, an extended one
 * (RFC 4360, RFC 5668) an AS number and a value, of 48 bits together.
 */
export class Community {
  readonly type: 'standard' | 'large' | 'extended'
  readonly parts: readonly number[]
  /** Of an extended community. */
  readonly sort: ExtendedSort | null

  /** Use `parseCommunity`. */
  constructor(parts: readonly number[], sort: ExtendedSort | null = null) {
    this.type = sort !== null ? 'extended' : parts.length === 3 ? 'large' : 'standard'
    this.parts = parts
    this.sort = sort
  }

  equals(other: Community): boolean {
    return this.toString() === other.toString()
  }

  toString(): string {
    const numbers = this.parts.join(':')
    return this.sort === null ? numbers : `${this.sort}:${numbers}`
  }

  toJSON(): string {
    return this.toString()
  }
}

/** By their names in the IANA registry of well-known communities. */
export const wellKnownCommunities: ReadonlyMap<string, Community> = new Map([
  ['graceful-shutdown', new Community([65535, 0])],
  ['blackhole', new Community([65535, 666])],
  ['no-export', new Community([65535, 65281])],
  ['no-advertise', new Community([65535, 65282])],
])

const example = 'write one such as 64500:100, 64500:1:2, rt:64500:100 or no-export'
const number = '(?:0|[1-9]\\d{0,9})'
const plain = new RegExp(`^${number}(?::${number}){1,2}$`)
const extended = new RegExp(`^([a-z]+):(${number}):(${number})$`, 'i')

/** Parses `64500:100`, `4200000000:1:2`, `rt:64500:100`, `ro:64500:100` or a well-known name. */
export function parseCommunity(text: string): Parsed<Community> {
  const known = wellKnownCommunities.get(text)
  if (known !== undefined) return { ok: true, value: known }
  const [, sort, asn, value] = extended.exec(text) ?? []
  if (sort !== undefined) return parseExtended(sort, Number(asn), Number(value))
  if (!plain.test(text)) return { ok: false, problem: 'is not a community', hint: example }
  const parts = text.split(':').map(Number)
  const most = parts.length === 3 ? 4294967295 : 65535
  if (parts.every((part) => part <= most)) return { ok: true, value: new Community(parts) }
  return parts.length === 3
    ? { ok: false, problem: 'has a part beyond 4294967295', hint: example }
    : {
        ok: false,
        problem: 'has a part beyond 65535, the limit of a standard community (RFC 1997)',
        hint: `write a large community (RFC 8092), such as ${parts[0]! > 4294967295 ? 64500 : parts[0]}:0:${parts[1]! > 4294967295 ? 1 : parts[1]}`,
      }
}

function parseExtended(sort: string, asn: number, value: number): Parsed<Community> {
  if (sort !== 'rt' && sort !== 'ro') {
    const meant = ['soo', 'origin'].includes(sort.toLowerCase()) ? 'ro' : 'rt'
    return {
      ok: false,
      problem: 'is not an extended community that both daemons know',
      hint: `write a route target, rt:${asn}:${value}, or a route origin, ro:${asn}:${value}${meant === 'ro' ? ' (FRR: soo)' : ''}`,
    }
  }
  const most = asn > 65535 ? 65535 : 4294967295
  if (asn > 4294967295) return { ok: false, problem: 'has an AS number beyond 4294967295', hint: example }
  if (value <= most) return { ok: true, value: new Community([asn, value], sort) }
  return {
    ok: false,
    problem: `has a value beyond ${most}, ${asn > 65535 ? 'the limit beside an AS number of 32 bits (RFC 5668)' : 'the limit beside an AS number of 16 bits (RFC 4360)'}`,
    hint: `write ${sort}:${asn}:${most} or less`,
  }
}
