import type { Family } from '../../../net/prefix.ts'
import {
  buildIpPacket,
  type IpPacket,
  type IpRoute,
  ipProtocols,
  readIpPacket,
  transportChecksum,
} from './ip.ts'

const icmpHeaderLength = 8
const echoTypes = {
  ipv4: { request: 8, reply: 0 },
  ipv6: { request: 128, reply: 129 },
} as const
const payload = Buffer.from('anyward probe..\n')

/** A whole IP packet. `identifier` and `sequence` are 16 bits each. */
export function buildEchoRequest(route: IpRoute, identifier: number, sequence: number): Buffer {
  const icmp = Buffer.alloc(icmpHeaderLength + payload.length)
  const protocol = protocolOf(route.family)
  icmp[0] = echoTypes[route.family].request
  icmp.writeUInt16BE(identifier, 4)
  icmp.writeUInt16BE(sequence, 6)
  icmp.set(payload, icmpHeaderLength)
  icmp.writeUInt16BE(transportChecksum({ ...route, protocol, payload: icmp }), 2)
  return buildIpPacket(route, protocol, icmp)
}

interface EchoReply {
  readonly family: Family
  readonly identifier: number
  readonly sequence: number
  readonly source: Buffer
  readonly target: Buffer
}

/** `null` for any other packet. Padding after the packet is allowed. */
export function readEchoReply(packet: Buffer): EchoReply | null {
  const located = readIcmp(packet)
  if (located === null) return null
  const { family, source, target, payload: icmp } = located
  if (icmp[0] !== echoTypes[family].reply || icmp[1] !== 0) return null
  return { family, source, target, identifier: icmp.readUInt16BE(4), sequence: icmp.readUInt16BE(6) }
}

/** An ICMP error from a router or from the target: our packet was not delivered. */
interface IcmpError {
  /** `refused`: a closed port or a firewall; `unreachable`: no route. */
  readonly kind: 'refused' | 'unreachable'
  readonly from: Buffer
  /** The start of our packet, with at least 8 bytes of its payload. */
  readonly quoted: IpPacket
}

/** RFC 792 (with RFC 1812, section 5.2.7.1) and RFC 4443: closed port, and administratively prohibited. */
const errorTypes = {
  ipv4: { unreachable: 3, timeExceeded: 11, refusals: [3, 9, 10, 13] },
  ipv6: { unreachable: 1, timeExceeded: 3, refusals: [1, 4, 5, 6] },
} as const

/** `null` for any other packet. */
export function readIcmpError(packet: Buffer): IcmpError | null {
  const located = readIcmp(packet)
  if (located === null) return null
  const { family, source, payload: icmp } = located
  const types = errorTypes[family]
  const [type, code] = icmp
  if (type !== types.unreachable && type !== types.timeExceeded) return null
  const quoted = readIpPacket(icmp.subarray(icmpHeaderLength), { quoted: true })
  if (quoted === null || quoted.payload.length < 8) return null
  const isRefusal =
    type === types.unreachable && (types.refusals as readonly (number | undefined)[]).includes(code)
  return { kind: isRefusal ? 'refused' : 'unreachable', from: source, quoted }
}

function readIcmp(packet: Buffer): IpPacket | null {
  const located = readIpPacket(packet)
  if (located === null || located.protocol !== protocolOf(located.family)) return null
  return located.payload.length < icmpHeaderLength || transportChecksum(located) !== 0 ? null : located
}

function protocolOf(family: Family): number {
  return family === 'ipv4' ? ipProtocols.icmp : ipProtocols.icmp6
}
