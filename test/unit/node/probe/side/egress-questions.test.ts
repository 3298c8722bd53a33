import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AskedTarget, askTarget } from '../../../../../src/node/probe/side/egress/question.ts'
import {
  buildIpPacket,
  type IpRoute,
  ipProtocols,
  ipRoute,
  readIpPacket,
  transportChecksum,
} from '../../../../../src/node/wireguard/inner/ip.ts'

const routes = {
  ipv4: ipRoute({ source: '10.80.255.254', target: '198.51.100.53' }),
  ipv6: ipRoute({ source: 'fd00:80::ffff', target: '2001:db8:53::53' }),
}
const targets: Record<AskedTarget['protocol'], AskedTarget> = {
  icmp: { protocol: 'icmp', port: null, name: null },
  dns: { protocol: 'dns', port: 53, name: 'www.Example.com' },
  tcp: { protocol: 'tcp', port: 443, name: null },
}

const back = (route: IpRoute): IpRoute => ({ ...route, source: route.target, target: route.source })

/** A packet from the target, with a correct checksum at `sumAt`. */
function answer(route: IpRoute, protocol: number, payload: Buffer, sumAt: number): Buffer {
  payload.writeUInt16BE(0, sumAt)
  payload.writeUInt16BE(transportChecksum({ ...back(route), protocol, payload }), sumAt)
  return buildIpPacket(back(route), protocol, payload)
}

function payloadOf(packet: Buffer): Buffer {
  return Buffer.from(readIpPacket(packet)!.payload)
}

const flags = { syn: 0x02, rst: 0x04, ack: 0x10 }

function answerSyn(route: IpRoute, packet: Buffer, bits: number, acknowledged = 1): Buffer {
  const syn = payloadOf(packet)
  const reply = Buffer.alloc(20)
  syn.copy(reply, 0, 2, 4)
  syn.copy(reply, 2, 0, 2)
  reply.writeUInt32BE((syn.readUInt32BE(4) + acknowledged) >>> 0, 8)
  reply[12] = 5 << 4
  reply[13] = bits
  return answer(route, ipProtocols.tcp, reply, 16)
}

function answerQuery(route: IpRoute, packet: Buffer, change: (reply: Buffer) => void): Buffer {
  const reply = payloadOf(packet)
  const [source, target] = [reply.readUInt16BE(0), reply.readUInt16BE(2)]
  reply.writeUInt16BE(target, 0)
  reply.writeUInt16BE(source, 2)
  reply[10] = 0x81
  reply[11] = 0x80
  change(reply)
  return answer(route, ipProtocols.udp, reply, 6)
}

/** An ICMP error of `from` that quotes the packet's header and 8 bytes. */
function refuse(route: IpRoute, packet: Buffer, type: number, code: number): Buffer {
  const isIpv6 = route.family === 'ipv6'
  const quote = packet.subarray(0, (isIpv6 ? 40 : 20) + 8)
  const icmp = Buffer.concat([Buffer.of(type, code, 0, 0, 0, 0, 0, 0), quote])
  return answer(route, isIpv6 ? ipProtocols.icmp6 : ipProtocols.icmp, icmp, 2)
}

describe.each(['ipv4', 'ipv6'] as const)('over %s', (family) => {
  const route = routes[family]
  const ask = (protocol: AskedTarget['protocol']) => askTarget(route, targets[protocol])

  it.each(['icmp', 'dns', 'tcp'] as const)('a query by %s has a correct checksum', (protocol) => {
    const packet = readIpPacket(ask(protocol).packet)!
    expect(transportChecksum(packet)).toBe(0)
    expect(packet.target).toEqual(route.target)
  })

  it('a SYN that is accepted is good, and the connection is reset', () => {
    const { packet, read } = ask('tcp')
    const reply = read(answerSyn(route, packet, flags.syn | flags.ack))
    expect(reply).toEqual({ ok: true, farewell: expect.any(Buffer) })
    const farewell = readIpPacket((reply as { farewell: Buffer }).farewell)!
    expect(transportChecksum(farewell)).toBe(0)
    expect(farewell.payload[13]).toBe(flags.rst)
    expect(farewell.payload.readUInt32BE(4)).toBe((payloadOf(packet).readUInt32BE(4) + 1) >>> 0)
  })

  it('a SYN that is answered by RST is refused', () => {
    const { packet, read } = ask('tcp')
    expect(read(answerSyn(route, packet, flags.rst | flags.ack))).toMatchObject({
      ok: false,
      cause: 'egress-refused',
    })
  })

  it('an answer to another SYN is ignored', () => {
    const { packet, read } = ask('tcp')
    expect(read(answerSyn(route, packet, flags.syn | flags.ack, 2))).toBeNull()
    expect(read(answerSyn(route, packet, flags.syn))).toBeNull()
    expect(read(answerSyn(route, ask('tcp').packet, flags.syn | flags.ack))).toBeNull()
    const spoilt = answerSyn(route, packet, flags.syn | flags.ack)
    spoilt[spoilt.length - 1]! ^= 1
    expect(read(spoilt)).toBeNull()
  })

  it.each([
    [0, { ok: true }],
    [3, { ok: true }],
    [2, { ok: false, cause: 'egress-dns-failed', detail: 'answered SERVFAIL' }],
    [5, { ok: false, cause: 'egress-refused', detail: 'answered REFUSED' }],
    [9, { ok: false, cause: 'egress-dns-failed', detail: 'answered code 9' }],
  ])('a DNS answer with code %i is judged', (code, expected) => {
    const { packet, read } = ask('dns')
    const reply = answerQuery(route, packet, (payload) => {
      payload[11] = 0x80 | code
    })
    expect(read(reply)).toMatchObject(expected)
  })

  it('a DNS answer to another query is ignored', () => {
    const { packet, read } = ask('dns')
    const spoil = (change: (reply: Buffer) => void) => read(answerQuery(route, packet, change))
    expect(spoil((reply) => reply.writeUInt16BE(reply.readUInt16BE(8) ^ 1, 8))).toBeNull()
    expect(spoil((reply) => reply.writeUInt8(0x01, 10))).toBeNull()
    expect(spoil((reply) => reply.write('x', 21, 'latin1'))).toBeNull()
    expect(spoil((reply) => reply.writeUInt16BE(54, 0))).toBeNull()
    expect(spoil((reply) => reply.writeUInt16BE(0, 12))).toBeNull()
    // Some resolvers return the name with another case of letters.
    expect(spoil((reply) => reply.write('WWW', 21, 'latin1'))).toMatchObject({ ok: true })
  })

  it.each(['icmp', 'dns', 'tcp'] as const)(
    'an ICMP error for a query by %s is reported as one',
    (protocol) => {
      const { packet, read } = ask(protocol)
      const [unreachable, port, time] = family === 'ipv4' ? [3, 3, 11] : [1, 4, 3]
      expect(read(refuse(route, packet, unreachable, port))).toMatchObject({ cause: 'egress-refused' })
      expect(read(refuse(route, packet, unreachable, 0))).toMatchObject({ cause: 'egress-unreachable' })
      expect(read(refuse(route, packet, time, 0))).toMatchObject({ cause: 'egress-unreachable' })
      expect(read(refuse(route, ask(protocol === 'tcp' ? 'dns' : 'tcp').packet, time, 0))).toBeNull()
    },
  )

  it.each(['icmp', 'dns', 'tcp'] as const)(
    'random bytes are never taken for a reply to %s, and never throw',
    (protocol) => {
      const { packet, read } = ask(protocol)
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(119), (noise, at) => {
          const cut = packet.subarray(0, Math.min(at, packet.length))
          expect(read(Buffer.from(noise))).toBeNull()
          expect(read(Buffer.concat([cut, noise]))).toBeNull()
        }),
      )
    },
  )
})
