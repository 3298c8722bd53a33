import { type Family, familyOf, parseAddress, parsePrefix } from '../../../src/net/prefix.ts'

/** A list within it is an AS_SET. */
export type AsPath = readonly (number | readonly number[])[]

/** One prefix of an UPDATE. */
export interface WireRoute {
  readonly prefix: string
  readonly asPath: AsPath
  /** Two for IPv6 with a link-local one (RFC 2545). */
  readonly nextHop: string
  readonly origin: 'igp' | 'egp' | 'incomplete'
  readonly med: number | null
  readonly localPref: number | null
  /** Two parts: standard; three: large. */
  readonly communities: readonly string[]
  /** RFC 9234. */
  readonly otc: number | null
  /** More attributes, as they are on the wire. */
  readonly raw?: readonly Uint8Array[]
  /** The AS_PATH as it is on the wire, instead of `asPath`. */
  readonly rawPath?: Uint8Array
}

export const messageTypes = { open: 1, update: 2, notification: 3, keepalive: 4, refresh: 5 } as const
const origins = ['igp', 'egp', 'incomplete'] as const
const attributeTypes = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  community: 8,
  mpReach: 14,
  mpUnreach: 15,
  largeCommunity: 32,
  otc: 35,
} as const
const afis: Readonly<Record<Family, number>> = { ipv4: 1, ipv6: 2 }
const unicast = 1

export function encodeMessage(type: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(19, 0xff)
  header.writeUInt16BE(19 + body.length, 16)
  header.writeUInt8(type, 18)
  return Buffer.concat([header, body])
}

export interface OpenOptions {
  readonly asn: number
  readonly routerId: string
  readonly families: readonly Family[]
  /** RFC 8950: IPv4 routes may have IPv6 next hops. */
  readonly extendsNextHops: boolean
  /** RFC 9234, section 4.1: the number of the role in the capability. */
  readonly role: number | null
}

export function encodeOpen({ asn, routerId, families, extendsNextHops, role }: OpenOptions): Buffer {
  const capabilities = [
    ...families.map((family) => [1, 0, afis[family], 0, unicast]),
    ...(extendsNextHops ? [[5, ...u16(afis.ipv4), 0, unicast, ...u16(afis.ipv6)]] : []),
    [2],
    [65, ...u32(asn)],
    // Enhanced route refresh (RFC 7313): its end marker means that everything before it was processed.
    [70],
    // Graceful restart (RFC 4724), of no family: bgpd sends no end markers to a speaker without it.
    [64, 0, 0],
    ...(role === null ? [] : [[9, role]]),
  ].flatMap(([code, ...value]) => [2, value.length + 2, code!, value.length, ...value])
  const body = [4, ...u16(asn > 65535 ? 23456 : asn), ...u16(180), ...bytesOf(routerId), capabilities.length]
  return encodeMessage(messageTypes.open, Buffer.from([...body, ...capabilities]))
}

export function encodeRefresh(family: Family): Buffer {
  return encodeMessage(messageTypes.refresh, Buffer.from([...u16(afis[family]), 0, unicast]))
}

export function encodeUpdate(route: WireRoute): Buffer {
  const family = familyOf(route.prefix)!
  const hopFamily = familyOf(route.nextHop.split(' ')[0]!)
  // The plain fields of an UPDATE are for IPv4 routes with IPv4 next hops (RFC 4760).
  const isPlain = family === 'ipv4' && hopFamily === 'ipv4'
  const nlri = encodePrefix(route.prefix)
  const extended = route.communities.filter((text) => /^r[to]:/.test(text))
  const plain = route.communities.filter((text) => !extended.includes(text))
  const standard = plain.filter((text) => text.split(':').length === 2)
  const large = plain.filter((text) => text.split(':').length === 3)
  const numbers = (texts: readonly string[]) => texts.flatMap((text) => text.split(':').map(Number))
  const attributes = [
    attribute(0x40, attributeTypes.origin, [origins.indexOf(route.origin)]),
    route.rawPath ?? attribute(0x40, attributeTypes.asPath, encodePath(route.asPath)),
    ...(isPlain ? [attribute(0x40, attributeTypes.nextHop, bytesOf(route.nextHop))] : []),
    ...(route.med === null ? [] : [attribute(0x80, attributeTypes.med, u32(route.med))]),
    ...(route.localPref === null ? [] : [attribute(0x40, attributeTypes.localPref, u32(route.localPref))]),
    ...(standard.length === 0
      ? []
      : [attribute(0xc0, attributeTypes.community, numbers(standard).flatMap(u16))]),
    ...(extended.length === 0 ? [] : [attribute(0xc0, 16, extended.flatMap(encodeExtended))]),
    ...(isPlain ? [] : [attribute(0x80, attributeTypes.mpReach, encodeReach(family, route.nextHop, nlri))]),
    ...(large.length === 0
      ? []
      : [attribute(0xc0, attributeTypes.largeCommunity, numbers(large).flatMap(u32))]),
    ...(route.otc === null ? [] : [attribute(0xc0, attributeTypes.otc, u32(route.otc))]),
    ...(route.raw ?? []),
  ]
  const path = Buffer.concat(attributes)
  return encodeMessage(
    messageTypes.update,
    Buffer.concat([Buffer.from([0, 0, ...u16(path.length)]), path, Buffer.from(isPlain ? nlri : [])]),
  )
}

/** RFC 4360, section 3; RFC 5668 with an AS number of four octets. */
function encodeExtended(text: string): number[] {
  const [sort, asn, value] = text.split(':')
  const subtype = sort === 'rt' ? 2 : 3
  return Number(asn) > 65535
    ? [2, subtype, ...u32(Number(asn)), ...u16(Number(value))]
    : [0, subtype, ...u16(Number(asn)), ...u32(Number(value))]
}

export function encodeWithdrawal(prefix: string): Buffer {
  const nlri = encodePrefix(prefix)
  if (familyOf(prefix) === 'ipv4') {
    return encodeMessage(messageTypes.update, Buffer.from([...u16(nlri.length), ...nlri, 0, 0]))
  }
  const unreach = attribute(0x80, attributeTypes.mpUnreach, [...u16(afis.ipv6), unicast, ...nlri])
  return encodeMessage(
    messageTypes.update,
    Buffer.concat([Buffer.from([0, 0, ...u16(unreach.length)]), unreach]),
  )
}

/** RFC 4724, section 2. */
export function encodeEndOfRib(family: Family): Buffer {
  if (family === 'ipv4') return encodeMessage(messageTypes.update, Buffer.from([0, 0, 0, 0]))
  const unreach = attribute(0x80, attributeTypes.mpUnreach, [...u16(afis.ipv6), unicast])
  return encodeMessage(
    messageTypes.update,
    Buffer.concat([Buffer.from([0, 0, ...u16(unreach.length)]), unreach]),
  )
}

export function attribute(flags: number, type: number, value: ArrayLike<number>): Buffer {
  const long = value.length > 255
  return Buffer.from([
    flags | (long ? 0x10 : 0),
    type,
    ...(long ? u16(value.length) : [value.length]),
    ...Array.from(value),
  ])
}

/** In segments of at most 255 numbers (RFC 4271, section 4.3). */
function encodePath(path: AsPath): number[] {
  const segments: { type: 1 | 2; asns: number[] }[] = []
  for (const element of path) {
    if (typeof element !== 'number') {
      segments.push({ type: 1, asns: [...element] })
      continue
    }
    const last = segments.at(-1)
    if (last?.type === 2 && last.asns.length < 255) last.asns.push(element)
    else segments.push({ type: 2, asns: [element] })
  }
  return segments.flatMap(({ type, asns }) => [type, asns.length, ...asns.flatMap(u32)])
}

function encodeReach(family: Family, nextHop: string, nlri: readonly number[]): number[] {
  const hops = nextHop.split(' ').flatMap(bytesOf)
  return [...u16(afis[family]), unicast, hops.length, ...hops, 0, ...nlri]
}

function encodePrefix(text: string): number[] {
  const prefix = parsePrefix(text)
  if (!prefix.ok) throw new TypeError(`${text} ${prefix.problem}`)
  const { network, length } = prefix.value
  return [length, ...bytesOf(network.toString()).slice(0, Math.ceil(length / 8))]
}

function bytesOf(text: string): number[] {
  const address = parseAddress(text)
  if (!address.ok) throw new TypeError(`${text} ${address.problem}`)
  const bytes: number[] = []
  const size = address.value.family === 'ipv4' ? 4 : 16
  for (let value = address.value.value, index = 0; index < size; index += 1, value >>= 8n) {
    bytes.unshift(Number(value & 0xffn))
  }
  return bytes
}

function u16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff]
}

function u32(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
}
