import { afterEach, describe, expect, it, vi } from 'vitest'
import { WireguardClient } from '../../../../src/node/wireguard/client.ts'
import { Deadline } from '../../../../src/node/wireguard/deadline.ts'
import { buildEchoRequest, readEchoReply } from '../../../../src/node/wireguard/inner/icmp.ts'
import { ipRoute } from '../../../../src/node/wireguard/inner/ip.ts'
import { keyPairOf } from '../../../../src/node/wireguard/key.ts'
import { Responder } from './responder.ts'

const privateKey = Buffer.alloc(32, 5)
const patientMs = 10_000
const route = ipRoute({ source: '10.80.255.254', target: '198.51.100.1' })
const packet = buildEchoRequest(route, 4711, 1)

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(): Promise<{ responder: Responder; client: WireguardClient }> {
  const responder = await Responder.start({ clientPublicKey: keyPairOf(privateKey).publicKey })
  const client = new WireguardClient({
    privateKey,
    serverPublicKey: responder.keys.publicKey,
    presharedKey: null,
    endpoints: responder.endpoints,
  })
  cleanups.push(
    () => responder.stop(),
    () => client.close(),
  )
  return { responder, client }
}

function deadlineIn(timeoutMs: number): Deadline {
  const deadline = new Deadline(timeoutMs)
  cleanups.push(() => deadline.cancel())
  return deadline
}

async function shake({ responder, client }: Awaited<ReturnType<typeof start>>): Promise<void> {
  expect(await client.handshake(responder.endpoint, deadlineIn(patientMs))).toMatchObject({ ok: true })
}

describe('a packet of the caller', () => {
  it('is sent in the live session, and the caller reads its reply', async () => {
    const scene = await start()
    await shake(scene)
    const outcome = await scene.client.exchange(packet, readEchoReply, deadlineIn(patientMs))
    expect(outcome).toMatchObject({
      ok: true,
      ms: expect.any(Number),
      reply: { identifier: 4711, sequence: 1 },
    })
    expect(scene.responder.echoes).toBe(1)
  })

  it('is not sent where there is no session', async () => {
    const { responder, client } = await start()
    expect(await client.exchange(packet, readEchoReply, deadlineIn(patientMs))).toMatchObject({
      ok: false,
      cause: 'no-session',
    })
    client.tell(packet)
    expect(responder.echoes).toBe(0)
  })

  it('is sent again three times while there is no answer', async () => {
    const scene = await start()
    await shake(scene)
    scene.responder.play = 'no-echo'
    const outcome = await scene.client.exchange(packet, readEchoReply, deadlineIn(400))
    expect(outcome).toMatchObject({ ok: false, cause: expect.stringMatching(/^(no-reply|starved)$/) })
    await vi.waitFor(() => expect(scene.responder.echoes).toBe(4), { timeout: patientMs })
  })

  it('waits on after packets that the caller does not accept as a reply', async () => {
    const scene = await start()
    await shake(scene)
    const seen: Buffer[] = []
    const read = (inner: Buffer) => {
      seen.push(inner)
      return seen.length === 2 ? 'the second' : null
    }
    expect(await scene.client.exchange(packet, read, deadlineIn(2_000))).toMatchObject({
      reply: 'the second',
    })
  })

  it('ends when the client is closed', async () => {
    const scene = await start()
    await shake(scene)
    scene.responder.play = 'no-echo'
    const outcome = scene.client.exchange(packet, readEchoReply, deadlineIn(patientMs))
    await vi.waitFor(() => expect(scene.responder.echoes).toBe(1), { timeout: patientMs })
    await scene.client.close()
    expect(await outcome).toMatchObject({ ok: false, cause: 'closed' })
  })
})
