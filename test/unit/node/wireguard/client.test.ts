import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import { WireguardClient, type WireguardClientOptions } from '../../../../src/node/wireguard/client.ts'
import { Deadline } from '../../../../src/node/wireguard/deadline.ts'
import type { Endpoint } from '../../../../src/node/wireguard/endpoint-socket.ts'
import type { ExchangeOutcome } from '../../../../src/node/wireguard/exchange.ts'
import { ipRoute } from '../../../../src/node/wireguard/inner/ip.ts'
import { generateKeyPair, keyPairOf } from '../../../../src/node/wireguard/key.ts'
import { Responder, type ResponderOptions } from './responder.ts'

const privateKey = Buffer.alloc(32, 3)
const clientPublicKey = keyPairOf(privateKey).publicKey
const route = ipRoute({ source: '10.80.255.254', target: '10.80.0.1' })
/** For requests that should be answered: the machine may be busy. */
const patientMs = 5_000
/** For requests that should not be answered. */
const hastyMs = 150

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(
  options: Partial<ResponderOptions> & { client?: Partial<WireguardClientOptions> } = {},
): Promise<{ responder: Responder; client: WireguardClient }> {
  const responder = await Responder.start({ clientPublicKey, ...options })
  cleanups.push(() => responder.stop())
  return { responder, client: clientOf(responder, options.client) }
}

function clientOf(responder: Responder, options: Partial<WireguardClientOptions> = {}): WireguardClient {
  const client = new WireguardClient({
    privateKey,
    serverPublicKey: responder.keys.publicKey,
    presharedKey: null,
    endpoints: responder.endpoints,
    ...options,
  })
  cleanups.push(() => client.close())
  return client
}

async function within<T>(timeoutMs: number, ask: (deadline: Deadline) => Promise<T>): Promise<T> {
  const deadline = new Deadline(timeoutMs)
  try {
    return await ask(deadline)
  } finally {
    deadline.cancel()
  }
}

const shake = (
  client: WireguardClient,
  endpoint: Endpoint,
  timeoutMs = patientMs,
): Promise<ExchangeOutcome> => within(timeoutMs, (deadline) => client.handshake(endpoint, deadline))
const ping = (client: WireguardClient, endpoint: Endpoint, timeoutMs = patientMs): Promise<ExchangeOutcome> =>
  within(timeoutMs, (deadline) => client.ping(endpoint, route, deadline))

/** Tries until the process had enough CPU time to distinguish the failures. */
async function failureOf(ask: () => Promise<ExchangeOutcome>): Promise<ExchangeOutcome> {
  for (let attempt = 0; ; attempt += 1) {
    const outcome = await ask()
    if (attempt === 30 || outcome.ok || outcome.cause !== 'starved') return outcome
  }
}

describe('a handshake', () => {
  it('succeeds, returns its duration, and leaves a session for pings', async () => {
    const { responder, client } = await start()
    expect(client.sessionAgeMs).toBeNull()
    const outcome = await shake(client, responder.endpoint)
    expect(outcome).toEqual({ ok: true, ms: expect.any(Number) })
    expect(client.sessionAgeMs).toBeGreaterThanOrEqual(0)
    expect(await ping(client, responder.endpoint)).toEqual({ ok: true, ms: expect.any(Number) })
  })

  it('is initiated again, with a new timestamp, when the response is lost', async () => {
    const { responder, client } = await start()
    responder.losses = 1
    expect(await shake(client, responder.endpoint, 1500)).toMatchObject({ ok: true })
    // A repetition of the first packet would be a replay.
    expect(responder.timestamps).toHaveLength(2)
    expect(await ping(client, responder.endpoint)).toMatchObject({ ok: true })
  })

  it('that is answered after a newer one leaves the session of the newer one', async () => {
    const { responder, client } = await start()
    responder.delayMs = 200
    const older = shake(client, responder.endpoint)
    await vi.waitFor(() => expect(responder.initiations).toHaveLength(1), { timeout: patientMs, interval: 1 })
    responder.delayMs = 0
    expect(await shake(client, responder.endpoint)).toMatchObject({ ok: true })
    expect(await older).toMatchObject({ ok: true })
    // The server has one session.
    expect(await ping(client, responder.endpoint, 1000)).toMatchObject({ ok: true })
  })

  it("that was initiated again before its answer came leaves the session of the last one, which is the server's", async () => {
    const { responder, client } = await start()
    responder.delayMs = 200
    const outcome = await within(patientMs, (deadline) =>
      client.handshake(responder.endpoint, deadline, { everyMs: 50 }),
    )
    expect(outcome).toMatchObject({ ok: true })
    expect(responder.initiations.length).toBeGreaterThan(1)
    responder.delayMs = 0
    expect(await ping(client, responder.endpoint, 1000)).toMatchObject({ ok: true })
  })

  it('is repeated no closer than 30 ms, however often it is asked for', async () => {
    const { responder, client } = await start()
    responder.losses = 20
    const began = performance.now()
    const outcome = await within(patientMs, (deadline) =>
      client.handshake(responder.endpoint, deadline, { everyMs: 5 }),
    )
    expect(outcome).toMatchObject({ ok: true })
    // On a busy machine, further ones may leave before the answer is read.
    expect(responder.initiations.length).toBeGreaterThanOrEqual(21)
    expect(performance.now() - began).toBeGreaterThan(20 * 30 - 20)
  })

  it('succeeds with the same preshared key on both sides', async () => {
    const presharedKey = Buffer.alloc(32, 9)
    const { responder, client } = await start({ presharedKey, client: { presharedKey } })
    expect(await shake(client, responder.endpoint)).toMatchObject({ ok: true })
  })

  it('fails as no-reply when no packet arrives', async () => {
    const { responder, client } = await start()
    responder.play = 'silent'
    expect(await failureOf(() => shake(client, responder.endpoint, hastyMs))).toEqual({
      ok: false,
      cause: 'no-reply',
      detail: 'did not answer within 150 ms',
    })
  })

  it('fails as refused, at once, when the port is closed', async () => {
    const { responder, client } = await start()
    await responder.stop()
    const startedAt = performance.now()
    expect(await shake(client, responder.endpoint, 20_000)).toMatchObject({ ok: false, cause: 'refused' })
    expect(performance.now() - startedAt).toBeLessThan(10_000)
  })

  it('works again on the same socket when the port is open again', async () => {
    const { responder, client } = await start()
    await responder.stop()
    expect(await shake(client, responder.endpoint)).toMatchObject({ cause: 'refused' })
    const socket = createSocket('udp4').bind(responder.endpoint.port, responder.endpoint.address)
    await once(socket, 'listening')
    const received = once(socket, 'message')
    const outcome = failureOf(() => shake(client, responder.endpoint, hastyMs))
    expect(((await received)[0] as Buffer).length).toBe(148)
    expect(await outcome).toMatchObject({ cause: 'no-reply' })
    socket.close()
  })

  it('fails as unreachable when there is no route to the address', async () => {
    const { client, endpoint } = unroutable()
    expect(await shake(client, endpoint)).toMatchObject({ ok: false, cause: 'unreachable' })
    expect(await shake(client, endpoint)).toMatchObject({ ok: false, cause: 'unreachable' })
  })

  it('fails as unauthenticated when the preshared keys differ', async () => {
    const { responder, client } = await start({ presharedKey: Buffer.alloc(32, 9) })
    expect(await failureOf(() => shake(client, responder.endpoint, hastyMs))).toMatchObject({
      cause: 'unauthenticated',
    })
    expect(client.sessionAgeMs).toBeNull()
  })

  it('fails as unauthenticated when another identity answers', async () => {
    const { responder, client } = await start()
    responder.play = 'other-identity'
    expect(await failureOf(() => shake(client, responder.endpoint, hastyMs))).toMatchObject({
      cause: 'unauthenticated',
    })
  })

  it('fails as no-reply when the server has another public key, since such a server does not answer', async () => {
    const { responder } = await start()
    const client = clientOf(responder, { serverPublicKey: generateKeyPair().publicKey })
    expect(await failureOf(() => shake(client, responder.endpoint, hastyMs))).toMatchObject({
      cause: 'no-reply',
    })
    expect(responder.initiations).toHaveLength(0)
  })

  it('fails as malformed when the answer is not WireGuard', async () => {
    const { responder, client } = await start()
    responder.play = 'garbage'
    expect(await failureOf(() => shake(client, responder.endpoint, hastyMs))).toMatchObject({
      cause: 'malformed',
    })
  })

  it('succeeds when a reply that does not authenticate comes before the valid one', async () => {
    const { responder, client } = await start()
    responder.delayMs = 100
    const outcome = shake(client, responder.endpoint)
    await vi.waitFor(() => expect(responder.initiations).toHaveLength(1), { timeout: patientMs })
    const forged = Buffer.alloc(92)
    forged[0] = 2
    responder.initiations[0]!.copy(forged, 8, 4, 8)
    responder.throwAtClient(forged)
    responder.throwAtClient(Buffer.from('HTTP/1.1 400 Bad Request'))
    expect(await outcome).toMatchObject({ ok: true })
  })
})

describe('a loaded server', () => {
  it('sends a cookie, which is used at once, and the handshake succeeds', async () => {
    const { responder, client } = await start()
    responder.play = 'loaded'
    expect(await shake(client, responder.endpoint)).toMatchObject({ ok: true })
    expect(responder.initiations).toHaveLength(2)
    expect(responder.initiations[1]!.subarray(0, 132)).toEqual(responder.initiations[0]!.subarray(0, 132))
  })

  it('gets the same cookie with the next initiation', async () => {
    const { responder, client } = await start()
    responder.play = 'loaded'
    await shake(client, responder.endpoint)
    expect(await shake(client, responder.endpoint)).toMatchObject({ ok: true })
    expect(responder.initiations).toHaveLength(3)
  })

  it('gets initiations with its cookie for 1.5 s, and then without, since the load may be over', async () => {
    let nowMs = 1_000
    const { responder, client } = await start({ client: { clock: { ...systemClock, now: () => nowMs } } })
    responder.play = 'loaded'
    await shake(client, responder.endpoint)
    nowMs += 1_400
    await shake(client, responder.endpoint)
    expect(responder.initiations).toHaveLength(3)
    nowMs += 100
    await shake(client, responder.endpoint)
    expect(responder.initiations).toHaveLength(5)
  })

  it('that does not answer to a cookie is under load, not no-reply', async () => {
    const { responder, client } = await start()
    responder.play = 'overloaded'
    expect(await failureOf(() => shake(client, responder.endpoint, 400))).toMatchObject({
      cause: 'under-load',
    })
  })

  it('that never accepts its own cookie is not flooded with initiations', async () => {
    const { responder, client } = await start()
    responder.play = 'overloaded'
    await shake(client, responder.endpoint, 400)
    // The first, two with a new cookie, and two repetitions.
    expect(responder.initiations.length).toBeLessThanOrEqual(5)
    expect(responder.initiations.length).toBeGreaterThanOrEqual(3)
  })

  it('that no longer answers is under load only for 5 s after its cookie, through each of its endpoints', async () => {
    let nowMs = 1_000
    const { responder, client } = await start({
      client: { clock: { ...systemClock, now: () => nowMs } },
      sockets: 2,
    })
    responder.play = 'loaded'
    await shake(client, responder.endpoint)
    responder.play = 'silent'
    for (const endpoint of responder.endpoints) {
      expect(await failureOf(() => shake(client, endpoint, hastyMs))).toMatchObject({ cause: 'under-load' })
    }
    nowMs += 4_900
    expect(await failureOf(() => shake(client, responder.endpoint, hastyMs))).toMatchObject({
      cause: 'under-load',
    })
    nowMs += 200
    expect(await failureOf(() => shake(client, responder.endpoint, hastyMs))).toMatchObject({
      cause: 'no-reply',
    })
  })

  it('that drops the initiation from its queue gets it again', async () => {
    const { responder, client } = await start()
    responder.play = 'loaded'
    await shake(client, responder.endpoint)
    responder.play = 'silent'
    const outcome = shake(client, responder.endpoint, 3_000)
    // The first packet is sent in the same turn; the next after a third of the time.
    await vi.waitFor(() => expect(client.sessionAgeMs).toBeGreaterThan(300), { timeout: patientMs })
    responder.play = 'loaded'
    expect(await outcome).toMatchObject({ ok: true })
  })
})

describe('an echo', () => {
  it('that gets lost is sent again within its timeout', async () => {
    const { responder, client } = await start()
    await shake(client, responder.endpoint)
    responder.play = 'no-echo'
    const outcome = ping(client, responder.endpoint, 4_000)
    await vi.waitFor(() => expect(responder.echoes).toBe(1), { timeout: patientMs, interval: 5 })
    responder.play = 'normal'
    expect(await outcome).toMatchObject({ ok: true })
  })

  it('that is never answered is sent four times, and fails', async () => {
    const { responder, client } = await start()
    await shake(client, responder.endpoint)
    responder.play = 'no-echo'
    expect(await failureOf(() => ping(client, responder.endpoint, 400))).toMatchObject({ cause: 'no-reply' })
    await vi.waitFor(() => expect(responder.echoes).toBe(4), { timeout: patientMs })
  })
})

describe('a late reply', () => {
  it('is reported by the next failure, with its delay', async () => {
    const { responder, client } = await start()
    responder.isHolding = true
    expect(await shake(client, responder.endpoint, hastyMs)).toMatchObject({ ok: false })
    await responder.release()
    responder.play = 'silent'
    const second = await failureOf(() => shake(client, responder.endpoint, 400))
    expect(second).toMatchObject({ cause: 'late' })
    expect((second as { detail: string }).detail).toMatch(
      /^did not answer within 400 ms; its reply before came after \d+ ms$/,
    )
  })

  it('is discarded when another reply came in time', async () => {
    const { responder, client } = await start()
    responder.isHolding = true
    await shake(client, responder.endpoint, hastyMs)
    await responder.release()
    await shake(client, responder.endpoint)
    responder.play = 'silent'
    expect(await failureOf(() => shake(client, responder.endpoint, hastyMs))).toMatchObject({
      cause: 'no-reply',
    })
  })

  it('to an initiation makes the session that the server has since then', async () => {
    const { responder, client } = await start()
    responder.isHolding = true
    await shake(client, responder.endpoint, hastyMs)
    await responder.release()
    responder.play = 'silent'
    expect(await failureOf(() => shake(client, responder.endpoint, 500))).toMatchObject({ cause: 'late' })
    responder.play = 'normal'
    expect(await ping(client, responder.endpoint)).toMatchObject({ ok: true })
  })

  it('to a ping is reported by the next ping', async () => {
    const { responder, client } = await start()
    await shake(client, responder.endpoint)
    responder.isHolding = true
    expect(await ping(client, responder.endpoint, 100)).toMatchObject({ ok: false })
    await responder.release()
    responder.play = 'silent'
    expect(await failureOf(() => ping(client, responder.endpoint, 400))).toMatchObject({ cause: 'late' })
  })
})

describe('starvation', () => {
  it('of this process is not a failure of the endpoint', async () => {
    const { responder, client } = await start()
    responder.play = 'silent'
    await shake(client, responder.endpoint, hastyMs)
    const outcome = shake(client, responder.endpoint, 100)
    const end = performance.now() + 250
    while (performance.now() < end);
    expect(await outcome).toMatchObject({ ok: false, cause: 'starved' })
  })
})

describe('a ping', () => {
  it('needs a session', async () => {
    const { responder, client } = await start()
    expect(await ping(client, responder.endpoint)).toMatchObject({ ok: false, cause: 'no-session' })
  })

  it('fails as no-reply when the tunnel is silent', async () => {
    const { responder, client } = await start()
    responder.play = 'no-echo'
    await shake(client, responder.endpoint)
    expect(await failureOf(() => ping(client, responder.endpoint, hastyMs))).toMatchObject({
      cause: 'no-reply',
    })
    expect(responder.echoes).toBeGreaterThan(0)
  })

  it('that starts after its deadline fails at once', async () => {
    const { responder, client } = await start()
    await shake(client, responder.endpoint)
    const deadline = new Deadline(10)
    await new Promise<void>((resolve) => deadline.whenOver(resolve))
    expect(await client.ping(responder.endpoint, route, deadline)).toMatchObject({ ok: false })
    expect(await client.handshake(responder.endpoint, deadline)).toMatchObject({
      ok: false,
      cause: 'starved',
    })
  })

  it('fails as refused when the server has died meanwhile', async () => {
    const { responder, client } = await start()
    await shake(client, responder.endpoint)
    await responder.stop()
    expect(await ping(client, responder.endpoint)).toMatchObject({ cause: 'refused' })
  })

  it('through one endpoint uses the session made through another', async () => {
    const { responder, client } = await start({ sockets: 2 })
    const [first, second] = responder.endpoints as [Endpoint, Endpoint]
    await shake(client, first)
    expect(await ping(client, second)).toMatchObject({ ok: true })
    expect(await ping(client, first)).toMatchObject({ ok: true })
    expect(responder.timestamps).toHaveLength(1)
  })

  it('that is repeated uses the proven session too, where the server has dropped a newer one', async () => {
    const { responder, client } = await start()
    await shake(client, responder.endpoint)
    await ping(client, responder.endpoint)
    // Of this one no packet has come yet when the server accepts another initiation.
    await shake(client, responder.endpoint)
    responder.losses = 10
    await shake(client, responder.endpoint, hastyMs)
    expect(responder.losses).toBeLessThan(10)
    responder.losses = 0
    expect(await ping(client, responder.endpoint, 1000)).toMatchObject({ ok: true })
  })

  it('that overlaps others gets its own reply', async () => {
    const { responder, client } = await start({ sockets: 2 })
    await shake(client, responder.endpoint)
    const pings = Array.from({ length: 20 }, (_, index) => ping(client, responder.endpoints[index % 2]!))
    for (const outcome of await Promise.all(pings)) expect(outcome).toMatchObject({ ok: true })
  })

  it('has no session at 180 s', async () => {
    let nowMs = 1_000
    const { responder, client } = await start({ client: { clock: { ...systemClock, now: () => nowMs } } })
    await shake(client, responder.endpoint)
    nowMs += 179_999
    expect(await ping(client, responder.endpoint)).toMatchObject({ ok: true })
    nowMs += 1
    expect(await ping(client, responder.endpoint)).toMatchObject({ cause: 'no-session' })
    expect(client.sessionAgeMs).toBeNull()
  })
})

describe('initiations', () => {
  it('are at least 30 ms apart, for any number of calls', async () => {
    const { responder, client } = await start({ sockets: 2 })
    const startedAt = performance.now()
    const all = Array.from({ length: 6 }, (_, index) => shake(client, responder.endpoints[index % 2]!))
    for (const outcome of await Promise.all(all)) expect(outcome).toMatchObject({ ok: true })
    expect(performance.now() - startedAt).toBeGreaterThan(5 * 30 - 5)
    expect(responder.timestamps).toHaveLength(6)
  })

  it('that cannot be sent before the deadline are not a failure of the endpoint', async () => {
    const { responder, client } = await start()
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => shake(client, responder.endpoint, hastyMs)),
    )
    expect(outcomes.at(-1)).toMatchObject({ ok: false, cause: 'starved' })
  })
})

describe('hostile packets', () => {
  it('that repeat every answer change nothing', async () => {
    const { responder, client } = await start()
    responder.play = 'replay'
    for (let round = 0; round < 4; round += 1) {
      expect(await shake(client, responder.endpoint)).toMatchObject({ ok: true })
      expect(await ping(client, responder.endpoint)).toMatchObject({ ok: true })
    }
  })

  it('never throw, and are never taken for a reply', async () => {
    const { responder, client } = await start()
    await shake(client, responder.endpoint)
    await ping(client, responder.endpoint)
    responder.play = 'silent'
    const truths = [...responder.sent]
    const index = fc.nat({ max: 200 })
    const spoilt = fc
      .tuple(fc.constantFrom(...truths), index, fc.integer({ min: 1, max: 255 }))
      .map(([packet, at, flip]) => {
        const copy = Buffer.from(packet)
        copy[at % copy.length]! ^= flip
        return copy
      })
    const headed = fc
      .tuple(
        fc.constantFrom(1, 2, 3, 4),
        fc.constantFrom(31, 32, 64, 80, 92, 148),
        fc.uint8Array({ minLength: 160, maxLength: 160 }),
      )
      .map(([type, length, bytes]) => Buffer.concat([Buffer.of(type, 0, 0, 0), bytes]).subarray(0, length))
    const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(spoilt, headed, noise), { minLength: 20, maxLength: 60 }),
        async (packets) => {
          const both = within(60, (deadline) =>
            Promise.all([
              client.ping(responder.endpoint, route, deadline),
              client.handshake(responder.endpoint, deadline),
            ]),
          )
          for (const packet of packets) responder.throwAtClient(packet)
          for (const outcome of await both) expect(outcome.ok).toBe(false)
        },
      ),
      { numRuns: 20 },
    )
    responder.play = 'normal'
    expect(await shake(client, responder.endpoint)).toMatchObject({ ok: true })
  })

  it('that authenticate but have invalid content are not an echo reply', async () => {
    const { responder, client } = await start()
    responder.play = 'no-echo'
    await shake(client, responder.endpoint)
    const outcome = failureOf(() => ping(client, responder.endpoint, hastyMs))
    await vi.waitFor(() => expect(responder.echoes).toBeGreaterThan(0), { timeout: patientMs, interval: 5 })
    for (const inner of [Buffer.alloc(0), Buffer.alloc(16, 0x45), Buffer.alloc(64, 0x60)]) {
      responder.throwAtClient(responder.sealForClient(inner))
    }
    expect(await outcome).toMatchObject({ cause: 'no-reply' })
  })
})

describe('closing', () => {
  it('ends what is pending, and every later call, with the cause closed', async () => {
    const { responder, client } = await start()
    await shake(client, responder.endpoint)
    responder.play = 'silent'
    const pending = [shake(client, responder.endpoint), ping(client, responder.endpoint)]
    await client.close()
    for (const outcome of await Promise.all(pending)) expect(outcome).toMatchObject({ cause: 'closed' })
    expect(await shake(client, responder.endpoint)).toMatchObject({ cause: 'closed' })
    expect(await ping(client, responder.endpoint)).toMatchObject({ cause: 'closed' })
  })

  it('sends a last keepalive, so that the server does not start a handshake', async () => {
    const { responder, client } = await start()
    await shake(client, responder.endpoint)
    await ping(client, responder.endpoint)
    await client.close()
    await vi.waitFor(() => expect(responder.keepalives).toBe(1), { timeout: patientMs })
  })

  it.skipIf(process.platform !== 'linux')('closes every descriptor', async () => {
    const { responder } = await start({ sockets: 2 })
    const { endpoint, client: lost } = unroutable()
    const before = readdirSync('/proc/self/fd').length
    for (let round = 0; round < 30; round += 1) {
      const client = clientOf(responder)
      await shake(client, responder.endpoints[0]!)
      await ping(client, responder.endpoints[1]!)
      await client.close()
      await shake(lost, endpoint)
    }
    await vi.waitFor(() => expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before + 2), {
      timeout: patientMs,
    })
  })
})

/** The limited broadcast address: the kernel refuses it to a plain socket (EACCES), whatever the routes are. */
function unroutable(): { client: WireguardClient; endpoint: Endpoint } {
  const endpoint = { address: '255.255.255.255', port: 51820 }
  const client = new WireguardClient({
    privateKey,
    serverPublicKey: generateKeyPair().publicKey,
    presharedKey: null,
    endpoints: [endpoint],
  })
  cleanups.push(() => client.close())
  return { client, endpoint }
}
