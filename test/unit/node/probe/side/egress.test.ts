import { expect, test } from 'vitest'
import { createEgressProbe, type EgressTunnel } from '../../../../../src/node/probe/side/egress.ts'
import {
  buildIpPacket,
  ipProtocols,
  readIpPacket,
  transportChecksum,
} from '../../../../../src/node/wireguard/inner/ip.ts'

const source = '10.80.255.254'
const address = '198.51.100.1'
const settings = {
  intervalMs: 60_000,
  timeoutMs: 300,
  rise: 1,
  fall: 1,
  need: 1,
  targets: [{ protocol: 'icmp' as const, address, port: null, name: null }],
}

/** ICMP "port unreachable" about the packet, as sent by a router on the path or by an attacker. */
function portUnreachable(packet: Buffer): Buffer {
  const { source: from } = readIpPacket(packet)!
  const route = { family: 'ipv4' as const, source: Buffer.from([198, 51, 100, 9]), target: from }
  const payload = Buffer.concat([Buffer.from([3, 3, 0, 0, 0, 0, 0, 0]), packet])
  payload.writeUInt16BE(transportChecksum({ ...route, protocol: ipProtocols.icmp, payload }), 2)
  return buildIpPacket(route, ipProtocols.icmp, payload)
}

function echoReply(packet: Buffer): Buffer {
  const { source: from, target, payload } = readIpPacket(packet)!
  const route = { family: 'ipv4' as const, source: target, target: from }
  const answer = Buffer.from(payload)
  answer[0] = 0
  answer.writeUInt16BE(0, 2)
  answer.writeUInt16BE(transportChecksum({ ...route, protocol: ipProtocols.icmp, payload: answer }), 2)
  return buildIpPacket(route, ipProtocols.icmp, answer)
}

/** A tunnel that returns these packets in order, and then none. */
function tunnelOf(replies: readonly ((packet: Buffer) => Buffer)[]): EgressTunnel {
  return {
    async exchange(packet, read, deadline) {
      for (const reply of replies) {
        const found = read(reply(packet))
        if (found !== null) return { ok: true, ms: 1, reply: found }
      }
      await new Promise<void>((resolve) => deadline.whenOver(resolve))
      return { ok: false, cause: 'no-reply', detail: 'did not answer' }
    },
    tell: () => {},
    runCycle: async () => ({ outcome: 'good', handshakeMs: 1, pingMs: 1 }),
  }
}

test('a forged ICMP error does not override the answer that follows it', async () => {
  const probe = createEgressProbe(settings, source, tunnelOf([portUnreachable, echoReply]))
  expect(await probe.run()).toMatchObject({ check: 'egress', outcome: 'good' })
  await probe.close()
})

test('an ICMP error is the cause where the target does not answer', async () => {
  const probe = createEgressProbe(settings, source, tunnelOf([portUnreachable]))
  expect(await probe.run()).toMatchObject({ outcome: 'bad', cause: 'egress-refused' })
  await probe.close()
})
