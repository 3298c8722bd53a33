import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildEchoRequest, readEchoReply } from '../../../../src/node/wireguard/inner/icmp.ts'
import { ipRoute } from '../../../../src/node/wireguard/inner/ip.ts'
import { turnEchoAround } from './responder.ts'

const routes = {
  ipv4: ipRoute({ source: '10.80.255.254', target: '10.80.0.1' }),
  ipv6: ipRoute({ source: 'fd00:80::ffff', target: 'fd00:80::1' }),
}

/** RFC 1071, implemented in another way than in the code. */
function onesComplementSum(bytes: Buffer): number {
  let sum = 0
  for (let index = 0; index < bytes.length; index += 2) {
    sum += bytes[index]! * 256 + (bytes[index + 1] ?? 0)
    if (sum > 0xffff) sum -= 0xffff
  }
  return sum
}

describe('an echo request', () => {
  it('over IPv4 has checksums that a kernel accepts', () => {
    const packet = buildEchoRequest(routes.ipv4, 0x1234, 0xabcd)
    expect(onesComplementSum(packet.subarray(0, 20))).toBe(0xffff)
    expect(onesComplementSum(packet.subarray(20))).toBe(0xffff)
    expect(packet.readUInt16BE(2)).toBe(packet.length)
    expect(packet.subarray(12, 20)).toEqual(Buffer.of(10, 80, 255, 254, 10, 80, 0, 1))
  })

  it('over IPv6 has a checksum that includes the pseudo-header', () => {
    const packet = buildEchoRequest(routes.ipv6, 0x1234, 0xabcd)
    const icmp = packet.subarray(40)
    const pseudo = Buffer.from([0, 0, 0, icmp.length, 0, 0, 0, 58])
    expect(onesComplementSum(Buffer.concat([packet.subarray(8, 40), pseudo, icmp]))).toBe(0xffff)
    expect(packet.readUInt16BE(4)).toBe(icmp.length)
    expect(packet[7]).toBe(64)
  })

  it('requires two addresses of one family', () => {
    expect(() => ipRoute({ source: '10.0.0.1', target: 'fd00::1' })).toThrow(TypeError)
    expect(() => ipRoute({ source: 'nonsense', target: 'fd00::1' })).toThrow(TypeError)
  })
})

describe.each(['ipv4', 'ipv6'] as const)('an echo reply over %s', (family) => {
  const request = buildEchoRequest(routes[family], 77, 1)
  const reply = turnEchoAround(request)

  it('is read with its addresses exchanged, with or without padding', () => {
    const read = {
      family,
      identifier: 77,
      sequence: 1,
      source: routes[family].target,
      target: routes[family].source,
    }
    expect(readEchoReply(reply)).toEqual(read)
    expect(readEchoReply(Buffer.concat([reply, Buffer.alloc(12)]))).toEqual(read)
  })

  it('is not the request itself', () => {
    expect(readEchoReply(request)).toBeNull()
  })

  it('is not read from a truncated packet', () => {
    for (let length = 0; length < reply.length; length += 1) {
      expect(readEchoReply(reply.subarray(0, length)), `${length} bytes`).toBeNull()
    }
  })

  it('is not read from a packet with a wrong checksum', () => {
    const spoilt = Buffer.from(reply)
    spoilt[spoilt.length - 1]! ^= 1
    expect(readEchoReply(spoilt)).toBeNull()
  })
})

describe('any other packet', () => {
  it('is not an echo reply, and throws nothing', () => {
    const version = fc.constantFrom(0x45, 0x4f, 0x46, 0x40, 0x60)
    const packet = fc.tuple(version, fc.uint8Array({ maxLength: 120 }))
    fc.assert(
      fc.property(packet, ([first, rest]) => {
        expect(readEchoReply(Buffer.from([first, ...rest]))).toBeNull()
      }),
      { numRuns: 2_000 },
    )
  })
})
