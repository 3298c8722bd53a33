import type { Parsed } from './prefix.ts'

/** A standard community (RFC 1997) has two parts of 16 bits, a large one (RFC 8092) three of 32. */
export class Community {
  readonly type: 'standard' | 'large'
  readonly parts: readonly number[]

  /** Use `parseCommunity`. */
  constructor(parts: readonly number[]) {
    this.type = parts.length === 3 ? 'large' : 'standard'
    this.parts = parts
  }

  equals(other: Community): boolean {
    return this.toString() === other.toString()
  }

  toString(): string {
    return this.parts.join(':')
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

/** Parses `64500:100`, `4200000000:1:2` or a well-known name. */
export function parseCommunity(text: string): Parsed<Community> {
  const known = wellKnownCommunities.get(text)
  if (known !== undefined) return { ok: true, value: known }
  const example = 'write one such as 64500:100, 64500:1:2 or no-export'
  if (!/^(?:0|[1-9]\d{0,9})(?::(?:0|[1-9]\d{0,9})){1,2}$/.test(text)) {
    return { ok: false, problem: 'is not a community', hint: example }
  }
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
