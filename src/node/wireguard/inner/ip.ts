import { type Family, parseAddress } from '../../../net/prefix.ts'

/** From the probe's own tunnel address to another, both of one family. */
export interface RouteEnds {
  readonly source: string
  readonly target: string
}

/** The addresses as bytes, computed once for many packets. */
export interface IpRoute {
  readonly family: Family
  readonly source: Buffer
  readonly target: Buffer
}

export interface IpPacket extends IpRoute {
  readonly protocol: number
  readonly payload: Buffer
}

export const ipProtocols = { icmp: 1, tcp: 6, udp: 17, icmp6: 58 } as const

const ipv4HeaderLength = 20
const ipv6HeaderLength = 40

/** Throws TypeError if an address is invalid or the families differ. */
export function ipRoute(route: RouteEnds): IpRoute {
  const source = parseAddress(route.source)
  const target = parseAddress(route.target)
  if (!source.ok || !target.ok || source.value.family !== target.value.family) {
    throw new TypeError(
      `a packet from ${route.source} to ${route.target}: two addresses of one family are needed`,
    )
  }
  const { family } = source.value
  return { family, source: addressBytes(source.value), target: addressBytes(target.value) }
}

/** The header of `payload` (RFC 791, RFC 8200) with a hop limit of 64, and `payload`. */
export function buildIpPacket(route: IpRoute, protocol: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(route.family === 'ipv6' ? ipv6HeaderLength : ipv4HeaderLength)
  if (route.family === 'ipv6') {
    header[0] = 6 << 4
    header.writeUInt16BE(payload.length, 4)
    header[6] = protocol
    header[7] = 64
    header.set(route.source, 8)
    header.set(route.target, 24)
  } else {
    header[0] = (4 << 4) | (ipv4HeaderLength / 4)
    header.writeUInt16BE(ipv4HeaderLength + payload.length, 2)
    header[8] = 64
    header[9] = protocol
    header.set(route.source, 12)
    header.set(route.target, 16)
    header.writeUInt16BE(internetChecksum(header), 10)
  }
  return Buffer.concat([header, payload])
}

/**
 * `null` for a fragment, for IPv6 extension headers that no reply uses, and for data that is not an IP
 * packet. Padding after the packet is allowed. `quoted`: an ICMP error holds only the start of a packet.
 */
export function readIpPacket(packet: Buffer, { quoted = false } = {}): IpPacket | null {
  const version = packet.length === 0 ? 0 : packet[0]! >>> 4
  if (version === 4 && packet.length >= ipv4HeaderLength) {
    const headerLength = (packet[0]! & 0x0f) * 4
    const totalLength = packet.readUInt16BE(2)
    const isFragment = (packet.readUInt16BE(6) & 0x3fff) !== 0
    if (headerLength < ipv4HeaderLength || totalLength < headerLength || isFragment) return null
    if (totalLength > packet.length && !quoted) return null
    return {
      family: 'ipv4',
      source: packet.subarray(12, 16),
      target: packet.subarray(16, 20),
      protocol: packet[9]!,
      payload: packet.subarray(headerLength, totalLength),
    }
  }
  if (version === 6 && packet.length >= ipv6HeaderLength) {
    const end = ipv6HeaderLength + packet.readUInt16BE(4)
    if (end > packet.length && !quoted) return null
    return {
      family: 'ipv6',
      source: packet.subarray(8, 24),
      target: packet.subarray(24, 40),
      protocol: packet[6]!,
      payload: packet.subarray(ipv6HeaderLength, end),
    }
  }
  return null
}

/**
 * Checksum of payload and pseudo-header (RFC 9293, section 3.1; RFC 768; RFC 8200, section 8.1); ICMP over
 * IPv4 has no pseudo-header. The result is zero if the payload already contains its correct checksum.
 */
export function transportChecksum({ family, source, target, protocol, payload }: IpPacket): number {
  if (protocol === ipProtocols.icmp) return internetChecksum(payload)
  const pseudo = Buffer.alloc(family === 'ipv6' ? 8 : 4)
  pseudo.writeUInt16BE(payload.length, pseudo.length - (family === 'ipv6' ? 6 : 2))
  pseudo[family === 'ipv6' ? 7 : 1] = protocol
  return internetChecksum(Buffer.concat([source, target, pseudo, payload]))
}

/** RFC 1071. */
function internetChecksum(data: Buffer): number {
  let sum = 0
  for (let index = 0; index + 1 < data.length; index += 2) sum += data.readUInt16BE(index)
  if (data.length % 2 === 1) sum += data[data.length - 1]! << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

function addressBytes(address: { family: Family; value: bigint }): Buffer {
  const digits = address.family === 'ipv4' ? 8 : 32
  return Buffer.from(address.value.toString(16).padStart(digits, '0'), 'hex')
}
