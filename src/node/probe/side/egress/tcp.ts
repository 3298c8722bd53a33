import { buildIpPacket, type IpRoute, ipProtocols, transportChecksum } from '../../../wireguard/inner/ip.ts'

const headerLength = 20
const flags = { syn: 0x02, rst: 0x04, ack: 0x10 } as const
/** MSS 1220, which fits any tunnel: some middleboxes drop a SYN without it. */
const synOptions = Buffer.of(2, 4, 1220 >> 8, 1220 & 0xff)

interface TcpPorts {
  readonly source: number
  readonly target: number
}

/** RFC 9293, section 3.1. */
export function buildSyn(route: IpRoute, ports: TcpPorts, sequence: number): Buffer {
  return buildSegment(route, ports, sequence, flags.syn, synOptions)
}

/** The packet that ends the connection of our SYN with `sequence`. */
export function buildTcpReset(route: IpRoute, ports: TcpPorts, sequence: number): Buffer {
  return buildSegment(route, ports, (sequence + 1) >>> 0, flags.rst, Buffer.alloc(0))
}

/** `null` if it is not an answer to our SYN (RFC 9293, section 3.10.7.3). */
export function readSynReply(
  segment: Buffer,
  ports: TcpPorts,
  sequence: number,
): 'accepted' | 'refused' | null {
  if (segment.length < headerLength) return null
  const isOurs = segment.readUInt16BE(0) === ports.target && segment.readUInt16BE(2) === ports.source
  const bits = segment[13]!
  if (!isOurs || (bits & flags.ack) === 0 || segment.readUInt32BE(8) !== (sequence + 1) >>> 0) return null
  if ((bits & flags.rst) !== 0) return 'refused'
  return (bits & flags.syn) !== 0 ? 'accepted' : null
}

function buildSegment(
  route: IpRoute,
  ports: TcpPorts,
  sequence: number,
  bits: number,
  options: Buffer,
): Buffer {
  const header = Buffer.alloc(headerLength)
  header.writeUInt16BE(ports.source, 0)
  header.writeUInt16BE(ports.target, 2)
  header.writeUInt32BE(sequence, 4)
  header[12] = ((headerLength + options.length) / 4) << 4
  header[13] = bits
  header.writeUInt16BE(bits === flags.syn ? 64_240 : 0, 14)
  const segment = Buffer.concat([header, options])
  segment.writeUInt16BE(transportChecksum({ ...route, protocol: ipProtocols.tcp, payload: segment }), 16)
  return buildIpPacket(route, ipProtocols.tcp, segment)
}
