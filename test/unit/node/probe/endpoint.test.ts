import { afterEach, describe, expect, it, vi } from 'vitest'
import { createEndpointProbe } from '../../../../src/node/probe/create-endpoint-probe.ts'
import type { Diagnosis } from '../../../../src/node/probe/diagnose.ts'
import { EndpointProbe, type EndpointProbeOptions } from '../../../../src/node/probe/endpoint.ts'
import type { ProbeResult } from '../../../../src/node/probe/result.ts'
import { formatEndpoint } from '../../../../src/node/wireguard/endpoint-socket.ts'
import { keyPairOf } from '../../../../src/node/wireguard/key.ts'
import { readService } from '../../../read-service.ts'
import { Responder, type ResponderOptions } from '../wireguard/responder.ts'

const privateKey = Buffer.alloc(32, 3)
const clientPublicKey = keyPairOf(privateKey).publicKey
const patientMs = 5_000
const hastyMs = 200

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(
  options: Partial<EndpointProbeOptions> = {},
  responderOptions: Partial<ResponderOptions> = {},
): Promise<{ responder: Responder; probe: EndpointProbe }> {
  const responder = await Responder.start({ clientPublicKey, sockets: 2, ...responderOptions })
  cleanups.push(() => responder.stop())
  return { responder, probe: probeOf(responder, options) }
}

function probeOf(responder: Responder, options: Partial<EndpointProbeOptions> = {}): EndpointProbe {
  const probe = new EndpointProbe({
    endpoints: responder.endpoints,
    serverPublicKey: responder.keys.publicKey,
    privateKey,
    presharedKey: null,
    address: '10.80.255.254',
    tunnelAddresses: ['10.80.0.1', 'fd00:80::1'],
    timeoutMs: patientMs,
    checks: ['interface', 'address', 'handshake', 'ping'],
    ...options,
  })
  cleanups.push(() => probe.close())
  return probe
}

async function conclusive(run: () => Promise<ProbeResult>): Promise<ProbeResult> {
  for (let attempt = 0; ; attempt += 1) {
    const result = await run()
    if (attempt === 5 || result.outcome !== 'inconclusive' || result.cause !== 'starved') return result
  }
}

describe('a probe cycle', () => {
  it('is good: the first cycle makes a handshake, later ones only echoes, and each fifth a handshake again', async () => {
    const { responder, probe } = await start()
    const results: ProbeResult[] = []
    for (let cycle = 0; cycle < 11; cycle += 1) results.push(await probe.runCycle())
    for (const result of results)
      expect(result).toMatchObject({ outcome: 'good', pingMs: expect.any(Number) })
    const withHandshake = results.flatMap((result, cycle) =>
      result.outcome === 'good' && result.handshakeMs !== null ? [cycle] : [],
    )
    expect(withHandshake).toEqual([0, 5, 10])
    expect(responder.echoes).toBe(22)
  })

  it('makes its handshakes through one endpoint after the other', async () => {
    const { responder, probe } = await start({ checks: ['handshake'] })
    await probe.runCycle()
    await probe.runCycle()
    expect(responder.initiations).toHaveLength(2)
    const [first] = responder.endpoints
    await responder.stop()
    const third = await probe.runCycle()
    expect(third).toMatchObject({ outcome: 'bad', check: 'handshake', cause: 'refused' })
    expect((third as { detail: string }).detail).toBe(
      `${formatEndpoint(first!)} has no process that listens on the port (ECONNREFUSED)`,
    )
  })

  it('sends no echo where only the handshake is configured', async () => {
    const { responder, probe } = await start({ checks: ['handshake'] })
    for (let cycle = 0; cycle < 3; cycle += 1) {
      expect(await probe.runCycle()).toEqual({
        outcome: 'good',
        handshakeMs: expect.any(Number),
        pingMs: null,
      })
    }
    expect(responder.initiations).toHaveLength(3)
    expect(responder.echoes).toBe(0)
  })

  it('is bad when one endpoint of two is dead, and names it', async () => {
    const { responder } = await start()
    const dead = { address: '127.0.0.1', port: 1 }
    const probe = probeOf(responder, { endpoints: [responder.endpoint, dead] })
    const result = await probe.runCycle()
    expect(result).toMatchObject({ outcome: 'bad', check: 'ping', cause: 'refused' })
    expect((result as { detail: string }).detail).toContain('127.0.0.1:1 ')
  })

  it('makes a handshake through each endpoint after a failure', async () => {
    const { responder, probe } = await start({ timeoutMs: hastyMs })
    await probe.runCycle()
    responder.play = 'silent'
    expect(await conclusive(() => probe.runCycle())).toMatchObject({
      outcome: 'bad',
      check: 'ping',
      cause: 'no-reply',
    })
    responder.play = 'normal'
    const before = responder.initiations.length
    await vi.waitFor(async () => expect((await probe.runCycle()).outcome).toBe('good'), {
      timeout: patientMs,
    })
    expect(responder.initiations.length - before).toBeGreaterThanOrEqual(2)
  })

  it('becomes good again where the timeout has no room for a handshake through each endpoint', async () => {
    const { responder, probe } = await start({ timeoutMs: 25 })
    const until = (outcome: string) =>
      vi.waitFor(async () => expect((await probe.runCycle()).outcome).toBe(outcome), {
        timeout: 30_000,
        interval: 50,
      })
    responder.play = 'silent'
    await until('bad')
    responder.play = 'normal'
    await until('good')
  }, 90_000)

  it('makes a handshake while an earlier echo is unanswered', async () => {
    const { responder, probe } = await start()
    await probe.runCycle()
    responder.play = 'no-echo'
    const unanswered = probe.runCycle()
    await vi.waitFor(() => expect(responder.echoes).toBe(4))
    responder.play = 'normal'
    expect(await probe.runCycle()).toMatchObject({ outcome: 'good', handshakeMs: expect.any(Number) })
    await probe.close()
    expect(await unanswered).toMatchObject({ outcome: 'inconclusive', cause: 'closed' })
  })

  it('is inconclusive under load, never bad', async () => {
    const { responder, probe } = await start({ timeoutMs: 500 })
    responder.play = 'overloaded'
    expect(await conclusive(() => probe.runCycle())).toMatchObject({
      outcome: 'inconclusive',
      cause: 'under-load',
    })
  })

  it('is inconclusive when this process was starved', async () => {
    const { responder, probe } = await start({ timeoutMs: hastyMs })
    await probe.runCycle()
    responder.play = 'silent'
    const result = probe.runCycle()
    const end = performance.now() + 2 * hastyMs
    while (performance.now() < end);
    expect(await result).toMatchObject({ outcome: 'inconclusive', cause: 'starved' })
  })

  it('ends at its deadline, regardless of the number of echoes', async () => {
    const { responder, probe } = await start({ timeoutMs: 400 })
    responder.delayMs = 250
    const startedAt = performance.now()
    // A handshake of 250 ms, and then the echoes.
    expect(await conclusive(() => probe.runCycle())).toMatchObject({ outcome: 'bad', check: 'ping' })
    expect(performance.now() - startedAt).toBeLessThan(10_000)
  })

  it('requires an address family in common with the server for a ping', async () => {
    const { responder } = await start()
    expect(() => probeOf(responder, { tunnelAddresses: ['fd00:80::1'] })).toThrow(TypeError)
  })
})

describe('the reason of a silent cycle', () => {
  const silent = async (diagnose: (signal: AbortSignal) => Promise<Diagnosis>, timeoutMs = 300) => {
    const missing: string[] = []
    const diagnosis = { diagnose, onMissingProgram: (program: string) => missing.push(program) }
    const { responder, probe } = await start({ timeoutMs, diagnosis })
    responder.play = 'silent'
    return { responder, probe, missing }
  }

  it('is what the diagnosis found', async () => {
    const { probe } = await silent(async () => 'wrong-key')
    expect(await conclusive(() => probe.runCycle())).toMatchObject({ outcome: 'bad', cause: 'wrong-key' })
  })

  it('stays no-reply where the diagnosis found nothing', async () => {
    const { probe } = await silent(async () => null)
    expect(await conclusive(() => probe.runCycle())).toMatchObject({ outcome: 'bad', cause: 'no-reply' })
  })

  it('is hung where the diagnosis itself gets no answer, and the result does not wait for it', async () => {
    const aborted: boolean[] = []
    const { probe } = await silent(
      (signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.push(true)
            resolve('hung')
          })
        }),
    )
    // Later: on a busy machine `wg` may take as long as a cycle.
    expect(await conclusive(() => probe.runCycle())).toMatchObject({ outcome: 'bad', cause: 'no-reply' })
    await expect
      .poll(() => conclusive(() => probe.runCycle()), { timeout: 5000 })
      .toMatchObject({ cause: 'hung' })
    expect(aborted).toEqual([])
    await probe.close()
    expect(aborted).toEqual([true])
  })

  it('is diagnosed once for cycles that fail together', async () => {
    let calls = 0
    const { probe } = await silent(async () => {
      calls += 1
      return 'peer-missing'
    })
    const results = await Promise.all([probe.runCycle(), probe.runCycle()])
    for (const result of results) {
      if (result.outcome === 'bad') expect(result.cause).toBe('peer-missing')
    }
    expect(calls).toBe(1)
  })

  it('is not diagnosed while the endpoint answers', async () => {
    let calls = 0
    const { responder, probe } = await silent(async () => {
      calls += 1
      return null
    }, patientMs)
    responder.play = 'normal'
    expect(await probe.runCycle()).toMatchObject({ outcome: 'good' })
    expect(calls).toBe(0)
  })

  it('is not diagnosed again where wg is missing, which is reported once', async () => {
    const { probe, missing } = await silent(async () => 'no-wg')
    expect(await conclusive(() => probe.runCycle())).toMatchObject({ outcome: 'bad', cause: 'no-reply' })
    expect(await conclusive(() => probe.runCycle())).toMatchObject({ outcome: 'bad', cause: 'no-reply' })
    expect(missing).toEqual(['wg'])
  })
})

describe("a manifest's probe", () => {
  it('sends to every anycast address on its port', async () => {
    const { responder } = await start({}, { sockets: 1 })
    const service = readService({
      name: 'vpn',
      prefixes: [],
      anycast: ['127.0.0.1'],
      wireguard: {
        interface: 'wg0',
        port: responder.endpoint.port,
        publicKey: responder.keys.publicKey.toString('base64'),
        addresses: ['10.80.0.1'],
      },
      probe: {
        privateKeyFile: '/etc/anyward/probe.key',
        presharedKeyFile: null,
        address: '10.80.255.254',
        intervalMs: 200,
        timeoutMs: patientMs,
        rise: 5,
        fall: 3,
        checks: ['handshake', 'ping'],
      },
      onStop: 'withdraw',
    })
    const probe = createEndpointProbe(service, { privateKey, presharedKey: null })
    cleanups.push(() => probe.close())
    expect(await probe.runCycle()).toMatchObject({ outcome: 'good' })
    service.wireguard.publicKey = Buffer.alloc(32).toString('base64')
    expect(() => createEndpointProbe(service, { privateKey, presharedKey: null })).toThrow(
      'the public key of service vpn is not a usable public key',
    )
  })
})
