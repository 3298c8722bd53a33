import { readIpv4, readIpv6 } from './read-prefix.ts'

/** In the order in which they are always listed. */
export const families = ['ipv4', 'ipv6'] as const
export type Family = (typeof families)[number]

/** `ok: false` carries a sentence that ends a message such as `"x" …`, and what to write instead. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; problem: string; hint: string }

/** An IPv4 or IPv6 address, printed in its canonical form (RFC 5952 for IPv6). */
export class Address {
  readonly family: Family
  readonly value: bigint
  #text: string | null = null

  /** Use `parseAddress`. */
  constructor(family: Family, value: bigint) {
    this.family = family
    this.value = value
  }

  toString(): string {
    this.#text ??= this.family === 'ipv4' ? printIpv4(this.value) : printIpv6(this.value)
    return this.#text
  }

  toJSON(): string {
    return this.toString()
  }

  equals(other: Address): boolean {
    return this.family === other.family && this.value === other.value
  }
}

/** A network and its length, with no host bits set. */
export class Prefix {
  readonly network: Address
  readonly length: number

  /** Use `parsePrefix` or `prefixOf`. */
  constructor(network: Address, length: number) {
    this.network = network
    this.length = length
  }

  get family(): Family {
    return this.network.family
  }

  /** Whether it names a single host: /32 or /128. */
  get isHost(): boolean {
    return this.length === addressBits(this.family)
  }

  /** Whether every address of `other` lies in this prefix; true for itself. */
  contains(other: Prefix | Address): boolean {
    const network = other instanceof Prefix ? other.network : other
    const length = other instanceof Prefix ? other.length : addressBits(other.family)
    return (
      network.family === this.family &&
      length >= this.length &&
      maskOff(network.value, this.family, this.length) === this.network.value
    )
  }

  overlaps(other: Prefix): boolean {
    return this.contains(other) || other.contains(this)
  }

  equals(other: Prefix): boolean {
    return this.length === other.length && this.network.equals(other.network)
  }

  toString(): string {
    return `${this.network}/${this.length}`
  }

  toJSON(): string {
    return this.toString()
  }
}

/** An interface's address with the length of its subnet: `10.80.0.1/16`. Host bits are what it is for. */
export class InterfaceAddress {
  readonly address: Address
  readonly length: number

  constructor(address: Address, length: number) {
    this.address = address
    this.length = length
  }

  get prefix(): Prefix {
    return prefixOf(this.address, this.length)
  }

  toString(): string {
    return `${this.address}/${this.length}`
  }

  toJSON(): string {
    return this.toString()
  }
}

/** The family of a canonical address or prefix in text; it checks nothing. */
export function familyOf(text: string): Family {
  return text.includes(':') ? 'ipv6' : 'ipv4'
}

export function addressBits(family: Family): number {
  return family === 'ipv4' ? 32 : 128
}

/** The prefix of that length around an address; host bits are cleared. */
export function prefixOf(address: Address, length: number): Prefix {
  return new Prefix(new Address(address.family, maskOff(address.value, address.family, length)), length)
}

/** IPv4 before IPv6, then by network, then shorter before longer. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  return compareAddresses(a.network, b.network) || a.length - b.length
}

function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family === 'ipv4' ? -1 : 1
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0
}

/**
 * In fe80::/10: an address that means something only together with an interface (RFC 4291, section 2.5.6). Not
 * 169.254.0.0/16 (RFC 3927): cloud providers number the sessions to their routers from it, and Linux treats it as any other.
 */
export function isLinkLocal({ family, value }: Address): boolean {
  return family === 'ipv6' && value >> 118n === 0x3fan
}

const ipv4Pattern = /^(?:\d{1,3}\.){3}\d{1,3}$/

const words = new Uint32Array(4)

export function parseAddress(text: string): Parsed<Address> {
  if (readIpv4(text, text.length, words)) {
    return { ok: true, value: new Address('ipv4', BigInt(words[0]!)) }
  }
  if (readIpv6(text, text.length, words)) {
    const value = words.reduce((all, word) => (all << 32n) | BigInt(word), 0n)
    return { ok: true, value: new Address('ipv6', value) }
  }
  if (ipv4Pattern.test(text)) {
    const octets = text.split('.')
    if (octets.some((octet) => octet.length > 1 && octet.startsWith('0'))) {
      return {
        ok: false,
        problem: 'has an octet with a leading zero, which some tools read as octal',
        hint: `write ${octets.map((octet) => String(Number(octet))).join('.')}`,
      }
    }
    return { ok: false, problem: 'is not an IPv4 address', hint: 'each of its four numbers is 0 to 255' }
  }
  const mixed = withoutDots(text)
  if (mixed !== null) return parseAddress(mixed)
  const percent = text.indexOf('%')
  const zoned = percent === -1 ? null : parseAddress(text.slice(0, percent))
  if (zoned?.ok === true) {
    const { value } = zoned
    return isLinkLocal(value)
      ? {
          ok: false,
          problem:
            'is link-local and names an interface (RFC 4007), which a neighbor has in a field of its own',
          hint: `write address: ${value}, interface: ${text.slice(percent + 1)}`,
        }
      : {
          ok: false,
          problem: 'names an interface (RFC 4007), but is not link-local',
          hint: `write ${value}`,
        }
  }
  const slash = text.indexOf('/')
  const bare = slash === -1 ? null : parseAddress(text.slice(0, slash))
  if (bare?.ok === true) {
    return {
      ok: false,
      problem: 'has a prefix length, but must be a single address',
      hint: `write ${bare.value}`,
    }
  }
  return { ok: false, problem: 'is not an IP address', hint: 'write one such as 192.0.2.1 or 2001:db8::1' }
}

/** Parses `address/length` in canonical form: host bits are refused, with the canonical form as the hint. */
export function parsePrefix(text: string): Parsed<Prefix> {
  const parsed = parseInterfaceAddress(text)
  if (!parsed.ok) return parsed
  const { address, length } = parsed.value
  const prefix = prefixOf(address, length)
  if (!prefix.network.equals(address)) {
    return {
      ok: false,
      problem: `has host bits set beyond /${length}`,
      hint: `write ${prefix}, or ${address}/${addressBits(address.family)} for a single address`,
    }
  }
  return { ok: true, value: prefix }
}

export function parseInterfaceAddress(text: string): Parsed<InterfaceAddress> {
  const slash = text.indexOf('/')
  if (slash === -1) {
    const bare = parseAddress(text)
    return {
      ok: false,
      problem: 'has no prefix length',
      hint: bare.ok
        ? `write ${bare.value}/${addressBits(bare.value.family)} for a single address`
        : 'write one such as 192.0.2.0/24',
    }
  }
  const address = parseAddress(text.slice(0, slash))
  if (!address.ok) return address
  const bits = addressBits(address.value.family)
  const lengthText = text.slice(slash + 1)
  if (!/^(?:0|[1-9]\d{0,2})$/.test(lengthText) || Number(lengthText) > bits) {
    return {
      ok: false,
      problem: `has a prefix length that is not 0 to ${bits}`,
      hint: `write ${address.value}/${bits} or shorter`,
    }
  }
  return { ok: true, value: new InterfaceAddress(address.value, Number(lengthText)) }
}

function printIpv4(value: bigint): string {
  const number = Number(value)
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
}

/** RFC 5952, section 4: the first of the longest runs of two or more zero groups is `::`. */
function printIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    Number((value >> BigInt(112 - index * 16)) & 0xffffn),
  )
  let start = 0
  let length = 1
  for (let at = 0; at < 8; at += 1) {
    let end = at
    while (end < 8 && groups[end] === 0) end += 1
    if (end - at > length) {
      start = at
      length = end - at
    }
    at = Math.max(at, end)
  }
  const print = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  return length === 1 ? print(0, 8) : `${print(0, start)}::${print(start + length, 8)}`
}

function maskOff(value: bigint, family: Family, length: number): bigint {
  const hostBits = BigInt(addressBits(family) - length)
  return (value >> hostBits) << hostBits
}

/** A prefix that is written in the code. Throws `TypeError` where it is none. */
export function prefixFrom(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (!parsed.ok) throw new TypeError(`${text} ${parsed.problem}`)
  return parsed.value
}

/** `::ffff:c000:201` for `::ffff:192.0.2.1` (RFC 4291, section 2.2); `null`: its last part is no IPv4 address. */
function withoutDots(text: string): string | null {
  const colon = text.lastIndexOf(':')
  const last = text.slice(colon + 1)
  if (colon === -1 || !ipv4Pattern.test(last) || !readIpv4(last, last.length, words)) return null
  const value = words[0]!
  return `${text.slice(0, colon + 1)}${(value >>> 16).toString(16)}:${(value & 65535).toString(16)}`
}
