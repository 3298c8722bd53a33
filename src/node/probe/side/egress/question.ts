import { randomInt } from 'node:crypto'
import type { EgressSettings } from '../../../../manifest/probe.ts'
import { buildEchoRequest, readEchoReply, readIcmpError } from '../../../wireguard/inner/icmp.ts'
import {
  buildIpPacket,
  type IpPacket,
  type IpRoute,
  ipProtocols,
  readIpPacket,
  transportChecksum,
} from '../../../wireguard/inner/ip.ts'
import { buildDnsQuery, readDnsReply } from './dns.ts'
import type { EgressReply } from './reply.ts'
import { buildSyn, buildTcpReset, readSynReply } from './tcp.ts'

/** The request to one target in one run, with identifiers that an off-path sender cannot guess. */
interface EgressQuestion {
  readonly packet: Buffer
  /** `null` if it is not a reply to this request. */
  readonly read: (inner: Buffer) => EgressReply | null
}

export type AskedTarget = Pick<EgressSettings['targets'][number], 'protocol' | 'port' | 'name'>

/** RFC 6335: the dynamic ports, which no service uses. */
const pickSourcePort = () => randomInt(49_152, 65_536)
const yes: EgressReply = { ok: true, farewell: null }

export function askTarget(route: IpRoute, target: AskedTarget): EgressQuestion {
  switch (target.protocol) {
    case 'icmp':
      return askEcho(route)
    case 'dns':
      return askDns(route, target.port ?? 53, target.name ?? '')
    case 'tcp':
      return askTcp(route, target.port ?? 0)
  }
}

function askEcho(route: IpRoute): EgressQuestion {
  const identifier = randomInt(0x10000)
  const sequence = randomInt(0x10000)
  const packet = buildEchoRequest(route, identifier, sequence)
  return {
    packet,
    read(inner) {
      const reply = readEchoReply(inner)
      if (reply === null) return readRefusal(inner, packet, 4)
      const isOurs = reply.identifier === identifier && reply.sequence === sequence && comesBack(reply, route)
      return isOurs ? yes : null
    },
  }
}

function askDns(route: IpRoute, port: number, name: string): EgressQuestion {
  const sourcePort = pickSourcePort()
  const query = buildDnsQuery(randomInt(0x10000), name)
  const header = Buffer.alloc(8)
  header.writeUInt16BE(sourcePort, 0)
  header.writeUInt16BE(port, 2)
  header.writeUInt16BE(header.length + query.length, 4)
  const udp = Buffer.concat([header, query])
  // RFC 768: a checksum of zero is sent as all ones; zero means no checksum.
  udp.writeUInt16BE(transportChecksum({ ...route, protocol: ipProtocols.udp, payload: udp }) || 0xffff, 6)
  const packet = buildIpPacket(route, ipProtocols.udp, udp)
  return {
    packet,
    read(inner) {
      const reply = readIpPacket(inner)
      if (reply?.protocol !== ipProtocols.udp) return readRefusal(inner, packet, 0)
      const { payload } = reply
      if (payload.length < 8 || !comesBack(reply, route) || !hasRightSum(reply)) return null
      if (payload.readUInt16BE(0) !== port || payload.readUInt16BE(2) !== sourcePort) return null
      return readDnsReply(payload.subarray(8, payload.readUInt16BE(4)), query)
    },
  }
}

function askTcp(route: IpRoute, port: number): EgressQuestion {
  const ports = { source: pickSourcePort(), target: port }
  const sequence = randomInt(2 ** 32)
  const packet = buildSyn(route, ports, sequence)
  return {
    packet,
    read(inner) {
      const reply = readIpPacket(inner)
      if (reply?.protocol !== ipProtocols.tcp) return readRefusal(inner, packet, 0)
      if (!comesBack(reply, route) || !hasRightSum(reply)) return null
      const answer = readSynReply(reply.payload, ports, sequence)
      if (answer === null) return null
      return answer === 'accepted'
        ? { ok: true, farewell: buildTcpReset(route, ports, sequence) }
        : { ok: false, cause: 'egress-refused', detail: 'refused the connection (RST)' }
    },
  }
}

/** Whether an ICMP error quotes our packet: compares 4 bytes of its payload, from `identityAt`. */
function readRefusal(inner: Buffer, packet: Buffer, identityAt: 0 | 4): EgressReply | null {
  const error = readIcmpError(inner)
  const ours = readIpPacket(packet)
  if (error === null || ours === null) return null
  const { quoted, from, kind } = error
  const identityOf = ({ payload }: IpPacket) => payload.subarray(identityAt, identityAt + 4)
  const isOurs =
    quoted.protocol === ours.protocol &&
    quoted.source.equals(ours.source) &&
    quoted.target.equals(ours.target) &&
    identityOf(quoted).equals(identityOf(ours))
  if (!isOurs) return null
  const router = from.equals(ours.target) ? 'itself' : 'a router on the way'
  const failed = { ok: false, forgeable: true } as const
  return kind === 'refused'
    ? { ...failed, cause: 'egress-refused', detail: `is closed: ${router} refused the packet (ICMP)` }
    : { ...failed, cause: 'egress-unreachable', detail: `is unreachable: ${router} reported it (ICMP)` }
}

function comesBack(reply: { source: Buffer; target: Buffer }, route: IpRoute): boolean {
  return reply.source.equals(route.target) && reply.target.equals(route.source)
}

function hasRightSum(packet: IpPacket): boolean {
  const isUnsummed = packet.protocol === ipProtocols.udp && packet.payload.readUInt16BE(6) === 0
  return isUnsummed || transportChecksum(packet) === 0
}
