import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { WireguardClient } from '../../../src/node/wireguard/client.ts'
import { Deadline } from '../../../src/node/wireguard/deadline.ts'
import { keyPairOf } from '../../../src/node/wireguard/key.ts'
import { Responder } from '../../unit/node/wireguard/responder.ts'
import { fixture } from '../fixtures/wireguard/agent.ts'

const privateKey = Buffer.alloc(32, 3)

/** Forges errors about the sockets of this process that are connected to the endpoint; resolves once it has sent one. */
async function forge({ address, port }: { address: string; port: number }): Promise<() => void> {
  const forger = spawn('perl', [fixture('forger.pl'), 'known', String(port), address, '/proc/self'])
  onTestFinished(() => void forger.kill('SIGKILL'))
  const lines = createInterface({ input: forger.stdout })
  await new Promise((resolve) => lines.once('line', resolve))
  return () => forger.kill('SIGKILL')
}

test.each(['127.0.0.1', '::1'])(
  'forged ICMP errors fail no handshake with an endpoint at %s that answers slowly, and hide no endpoint that is gone',
  async (address) => {
    const responder = await Responder.start({
      clientPublicKey: keyPairOf(privateKey).publicKey,
      isIpv6: address === '::1',
    })
    const { endpoint } = responder
    const client = new WireguardClient({
      privateKey,
      serverPublicKey: responder.keys.publicKey,
      presharedKey: null,
      endpoints: responder.endpoints,
    })
    const shake = async (timeoutMs: number) => {
      const deadline = new Deadline(timeoutMs)
      try {
        return await client.handshake(endpoint, deadline)
      } finally {
        deadline.cancel()
      }
    }
    try {
      const end = await forge(endpoint)
      responder.delayMs = 200
      for (let round = 0; round < 5; round += 1) {
        expect(await shake(10_000)).toMatchObject({ ok: true })
      }
      // After a forged error no ICMP error counts, the true one included.
      await responder.stop()
      expect(await shake(300)).toMatchObject({ ok: false, cause: 'no-reply' })
      end()
    } finally {
      await client.close()
      await responder.stop()
    }
  },
)
