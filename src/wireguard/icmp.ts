import { parseAddress } from '../net/prefix.ts'

/** From the probe's own tunnel address to one of the server's, both of one family. */
export interface Echo {
  readonly source: string
  readonly target: string
}

/** The addresses of an echo as bytes, worked out once for many pings. */
export interface EchoRoute {
  readonly family: 'ipv4' | 'ipv6'
  readonly source: Buffer
  readonly target: Buffer
}

const ipv4HeaderLength = 20
const ipv6HeaderLength = 40
const icmpHeaderLength = 8
const protocolIcmp = 1
const protocolIcmp6 = 58
const echoTypes = {
  ipv4: { request: 8, reply: 0 },
  ipv6: { request: 128, reply: 129 },
} as const
const payload = Buffer.from('anyward probe..\n')

/** Throws TypeError where an address is none, or the families differ. */
export function echoRoute(echo: Echo): EchoRoute {
  const source = parseAddress(echo.source)
  const target = parseAddress(echo.target)
  if (!source.ok || !target.ok || source.value.family !== target.value.family) {
    throw new TypeError(
      `an echo from ${echo.source} to ${echo.target}: two addresses of one family are needed`,
    )
  }
  const { family } = source.value
  return { family, source: addressBytes(source.value), target: addressBytes(target.value) }
}

/** A whole IP packet. `identifier` and `sequence` are 16 bits each. */
export function buildEchoRequest(route: EchoRoute, identifier: number, sequence: number): Buffer {
  const icmp = Buffer.alloc(icmpHeaderLength + payload.length)
  icmp[0] = echoTypes[route.family].request
  icmp.writeUInt16BE(identifier, 4)
  icmp.writeUInt16BE(sequence, 6)
  icmp.set(payload, icmpHeaderLength)
  icmp.writeUInt16BE(icmpChecksum(route.family, route.source, route.target, icmp), 2)
  return Buffer.concat([ipHeader(route, icmp.length), icmp])
}

export interface EchoReply {
  readonly family: 'ipv4' | 'ipv6'
  readonly identifier: number
  readonly sequence: number
  readonly source: Buffer
  readonly target: Buffer
}

/** `null` for any other packet. Padding behind the packet is allowed. */
export function readEchoReply(packet: Buffer): EchoReply | null {
  const located = locateIcmp(packet)
  if (located === null) return null
  const { family, source, target, icmp } = located
  if (icmp.length < icmpHeaderLength || icmp[0] !== echoTypes[family].reply || icmp[1] !== 0) return null
  // A checksum over a message that holds its own right checksum is zero.
  if (icmpChecksum(family, source, target, icmp) !== 0) return null
  return { family, source, target, identifier: icmp.readUInt16BE(4), sequence: icmp.readUInt16BE(6) }
}

function locateIcmp(packet: Buffer): (EchoRoute & { icmp: Buffer }) | null {
  const version = packet.length === 0 ? 0 : packet[0]! >>> 4
  if (version === 4 && packet.length >= ipv4HeaderLength) {
    const headerLength = (packet[0]! & 0x0f) * 4
    const totalLength = packet.readUInt16BE(2)
    const isFragment = (packet.readUInt16BE(6) & 0x3fff) !== 0
    if (headerLength < ipv4HeaderLength || totalLength < headerLength || totalLength > packet.length)
      return null
    if (isFragment || packet[9] !== protocolIcmp) return null
    return {
      family: 'ipv4',
      source: packet.subarray(12, 16),
      target: packet.subarray(16, 20),
      icmp: packet.subarray(headerLength, totalLength),
    }
  }
  if (version === 6 && packet.length >= ipv6HeaderLength) {
    const end = ipv6HeaderLength + packet.readUInt16BE(4)
    if (end > packet.length || packet[6] !== protocolIcmp6) return null
    return {
      family: 'ipv6',
      source: packet.subarray(8, 24),
      target: packet.subarray(24, 40),
      icmp: packet.subarray(ipv6HeaderLength, end),
    }
  }
  return null
}

function ipHeader(route: EchoRoute, payloadLength: number): Buffer {
  if (route.family === 'ipv6') {
    const header = Buffer.alloc(ipv6HeaderLength)
    header[0] = 6 << 4
    header.writeUInt16BE(payloadLength, 4)
    header[6] = protocolIcmp6
    header[7] = 64
    header.set(route.source, 8)
    header.set(route.target, 24)
    return header
  }
  const header = Buffer.alloc(ipv4HeaderLength)
  header[0] = (4 << 4) | (ipv4HeaderLength / 4)
  header.writeUInt16BE(ipv4HeaderLength + payloadLength, 2)
  header[8] = 64
  header[9] = protocolIcmp
  header.set(route.source, 12)
  header.set(route.target, 16)
  header.writeUInt16BE(internetChecksum(header), 10)
  return header
}

/** ICMPv6 counts a pseudo-header in (RFC 4443, section 2.3); ICMP does not. */
function icmpChecksum(family: 'ipv4' | 'ipv6', source: Buffer, target: Buffer, icmp: Buffer): number {
  if (family === 'ipv4') return internetChecksum(icmp)
  const pseudo = Buffer.alloc(8)
  pseudo.writeUInt32BE(icmp.length, 0)
  pseudo[7] = protocolIcmp6
  return internetChecksum(Buffer.concat([source, target, pseudo, icmp]))
}

/** RFC 1071. */
function internetChecksum(data: Buffer): number {
  let sum = 0
  for (let index = 0; index + 1 < data.length; index += 2) sum += data.readUInt16BE(index)
  if (data.length % 2 === 1) sum += data[data.length - 1]! << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

function addressBytes(address: { family: 'ipv4' | 'ipv6'; value: bigint }): Buffer {
  const digits = address.family === 'ipv4' ? 8 : 32
  return Buffer.from(address.value.toString(16).padStart(digits, '0'), 'hex')
}
