import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ProbeResult } from '../../../src/node/probe/result.ts'
import type { ExchangeOutcome } from '../../../src/node/wireguard/exchange.ts'
import { patience } from '../../patience.ts'
import { Agent, builtCode, fixture } from '../fixtures/wireguard/agent.ts'
import {
  echo4,
  echo6,
  endpoint4,
  endpoint6,
  inKernel,
  newKeys,
  port,
  WireguardServer,
} from '../fixtures/wireguard/server.ts'

const patientMs = patience(10_000)
const hastyMs = 400

const keyModule = new URL('../../../dist/node/wireguard/key.js', import.meta.url).href
const server = new WireguardServer()
let agent: Agent

beforeAll(async () => {
  await server.start()
  agent = new Agent(server.namespace)
}, 480_000)

afterAll(async () => {
  await agent?.stop()
  await server.stop()
})

const identity = () => ({
  endpoints: [endpoint4, endpoint6],
  serverPublicKey: server.keys.publicKey,
  privateKey: server.probeKeys.privateKey,
  presharedKey: server.presharedKey,
})

/** Probes again when the agent itself was delayed, or the server dropped a packet. */
async function conclusive<T extends ExchangeOutcome | ProbeResult>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    const result = await ask()
    if (attempt === 10 || !('cause' in result) || result.cause !== 'starved') return result
  }
}

const handshake = (endpoint = endpoint4, timeoutMs = patientMs) =>
  conclusive(() => agent.call('handshake', { endpoint, timeoutMs }))
const ping = (endpoint = endpoint4, echo = echo4, timeoutMs = patientMs) =>
  conclusive(() => agent.call('ping', { endpoint, echo, timeoutMs }))

describe('the client', () => {
  beforeEach(() => agent.call('connect', identity()))

  it('completes a handshake with a real server that requires a preshared key', async () => {
    expect(await handshake()).toMatchObject({ ok: true })
    expect(await ping()).toMatchObject({ ok: true })
    await vi.waitFor(async () => expect(await server.show('latest-handshakes')).not.toMatch(/\t0$/m))
  })

  it('shares one session between the IPv4 and the IPv6 endpoint', async () => {
    expect(await handshake(endpoint4)).toMatchObject({ ok: true })
    expect(await ping(endpoint6)).toMatchObject({ ok: true })
    expect(await server.show('endpoints')).toContain('[2001:db8:51::1]')
    expect(await ping(endpoint4)).toMatchObject({ ok: true })
    expect(await server.show('endpoints')).toContain('192.0.2.1:')
    expect(await handshake(endpoint6)).toMatchObject({ ok: true })
    expect(await ping(endpoint4)).toMatchObject({ ok: true })
  })

  it('pings an IPv6 address in the tunnel', async () => {
    expect(await handshake()).toMatchObject({ ok: true })
    expect(await ping(endpoint4, echo6)).toMatchObject({ ok: true })
  })

  it('gets no answer to a ping from an address that is not its own', async () => {
    expect(await handshake()).toMatchObject({ ok: true })
    const stranger = { source: '10.80.255.253', target: echo4.target }
    expect(await ping(endpoint4, stranger, hastyMs)).toMatchObject({ ok: false, cause: 'no-reply' })
  })

  it('detects a wrong preshared key', async () => {
    await agent.call('connect', { ...identity(), presharedKey: null })
    expect(await handshake(endpoint4, hastyMs)).toMatchObject({ ok: false, cause: 'unauthenticated' })
  })

  it('gets no answer as a peer that the server does not know', async () => {
    await agent.call('connect', { ...identity(), privateKey: newKeys().privateKey })
    expect(await handshake(endpoint4, hastyMs)).toMatchObject({ ok: false, cause: 'no-reply' })
  })

  it('detects a closed port at once', async () => {
    const closed = { ...endpoint4, port: port + 1 }
    await agent.call('connect', { ...identity(), endpoints: [closed] })
    expect(await handshake(closed)).toMatchObject({ ok: false, cause: 'refused' })
  })

  it('reports a server under load as loaded, never as dead', async () => {
    const flood = spawn(
      'ip',
      ['netns', 'exec', server.namespace, process.execPath, fixture('flood.mjs'), builtCode].concat(
        endpoint4.address,
        String(port),
        server.keys.publicKey,
      ),
    )
    let cookies = 0
    createInterface({ input: flood.stdout }).on('line', (line) => {
      cookies = JSON.parse(line).cookies
    })
    try {
      await vi.waitFor(() => expect(cookies).toBeGreaterThan(0), { timeout: patience(20_000) })
      const causes: string[] = []
      for (let attempt = 0; attempt < 15; attempt += 1) {
        const outcome = await agent.call('handshake', { endpoint: endpoint4, timeoutMs: 1_000 })
        causes.push(outcome.ok ? 'ok' : outcome.cause)
      }
      expect(causes.filter((cause) => !['ok', 'under-load', 'starved'].includes(cause))).toEqual([])
      expect(causes).toContain('ok')
    } finally {
      const ended = new Promise((resolve) => flood.once('exit', resolve))
      flood.kill()
      await ended
    }
    await vi.waitFor(async () => expect(await handshake()).toMatchObject({ ok: true }), {
      timeout: patience(30_000),
    })
  })
})

describe('the probe of a node', () => {
  beforeEach(async () => {
    await agent.call('watch', { ...identity(), service: server.service() })
    await untilGood()
  })

  /** The server may still have state of the previous test. */
  const untilGood = () =>
    vi.waitFor(async () => expect(await agent.call('cycle')).toMatchObject({ outcome: 'good' }), {
      timeout: patience(30_000),
      interval: 200,
    })
  const cycle = () => conclusive(() => agent.call('cycle'))
  const untilBad = (expected: object) =>
    vi.waitFor(async () => expect(await cycle()).toMatchObject({ outcome: 'bad', ...expected }), {
      timeout: patience(20_000),
    })

  it('is good in each cycle', async () => {
    const results = await agent.call('cycles', { count: 25, intervalMs: 200 })
    expect(results.filter((result) => result.outcome === 'bad')).toEqual([])
    expect(results.filter((result) => result.outcome === 'good').length).toBeGreaterThan(15)
  }, 240_000)

  it('reports one that stops answering as hung if `wg` gets no answer either, and as good afterwards', async () => {
    await server.freeze()
    try {
      // The kernel's WireGuard always answers `wg`.
      await untilBad({ cause: inKernel ? 'no-reply' : 'hung' })
    } finally {
      await server.thaw()
    }
    await untilGood()
  })

  it('detects that its peer is missing', async () => {
    await server.removePeer()
    try {
      await untilBad({ cause: 'peer-missing' })
    } finally {
      await server.configure()
    }
    await untilGood()
  })

  it('detects a wrong key', async () => {
    await server.setPrivateKey(newKeys().privateKey)
    try {
      await untilBad({ cause: 'wrong-key' })
    } finally {
      await server.configure()
    }
    await untilGood()
  })

  it('detects a closed port when the server listens on another one', async () => {
    await server.wg('set', server.interface, 'listen-port', String(port + 2))
    try {
      await untilBad({ cause: 'refused' })
    } finally {
      await server.configure()
    }
    await untilGood()
  })

  it('detects an interface that is down, by ping or handshake', async () => {
    await server.ip('link', 'set', server.interface, 'down')
    try {
      await untilBad({})
    } finally {
      await server.ip('link', 'set', server.interface, 'up')
    }
    await untilGood()
  })

  it('detects that the anycast address is removed, and restored', async () => {
    await server.removeAnycast()
    try {
      await untilBad({ cause: 'unreachable' })
    } finally {
      await server.addAnycast()
    }
    await untilGood()
  })

  it('is not bad after a pause of the whole machine', async () => {
    const results = agent.call('cycles', { count: 15, intervalMs: 200 })
    await sleep(700)
    agent.signal('SIGSTOP')
    await server.freeze()
    await sleep(1_500)
    await server.thaw()
    agent.signal('SIGCONT')
    const outcomes = (await results).map((result) => result.outcome)
    expect(outcomes).not.toContain('bad')
    expect(outcomes).toContain('good')
  })
})

describe('anyward probe', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'anyward-probe-'))
    await writeFile(join(folder, 'key'), `${server.probeKeys.privateKey}\n`, { mode: 0o600 })
    await writeFile(join(folder, 'psk'), `${server.presharedKey}\n`, { mode: 0o600 })
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const probe = (...words: string[]) =>
    execa(
      'ip',
      ['netns', 'exec', server.namespace, process.execPath, `${builtCode}/cli/main.js`].concat(
        words,
        ['--public-key', server.keys.publicKey, '--private-key-file', join(folder, 'key')],
        ['--timeout', '10s', '--address', echo4.source, '--ping', echo4.target],
      ),
      { reject: false },
    )
  const presharedKey = () => ['--preshared-key-file', join(folder, 'psk')]

  it('prints one document with its handshake and its pings', async () => {
    const result = await probe(
      ...[
        '--json',
        'probe',
        '--endpoint',
        `[${endpoint6.address}]:${port}`,
        '--count',
        '2',
        ...presharedKey(),
      ],
    )
    expect(result.stderr).toBe('')
    expect(JSON.parse(result.stdout)).toEqual({
      ok: true,
      reason: null,
      handshakeMs: expect.any(Number),
      pings: [{ target: echo4.target, rttMs: expect.any(Number) }],
      sent: 2,
      answered: 2,
    })
    expect(result.exitCode).toBe(0)
  })

  it('exits with 1 and says what to do when the endpoint fails', async () => {
    const result = await probe('probe', '--endpoint', `${endpoint4.address}:${port + 1}`, ...presharedKey())
    expect(result.stdout).toContain(
      `${endpoint4.address}:${port + 1} has no process that listens on the port`,
    )
    expect(result.stdout).toContain('wg show INTERFACE listen-port')
    expect(result.exitCode).toBe(1)
  })

  it('exits with 2 when a key file is missing', async () => {
    const result = await probe(
      'probe',
      '--endpoint',
      `${endpoint4.address}:${port}`,
      '--preshared-key-file',
      '/nowhere',
    )
    expect(result.stderr).toContain('--preshared-key-file /nowhere does not exist')
    expect(result.exitCode).toBe(2)
  })
})

describe('the key pairs of the handshakes', () => {
  it('are generated without a hang, whenever garbage is collected', async () => {
    // The young generation is small and the test allocates garbage, so that a collection happens at any moment.
    const script = `
      const { generateKeyPair } = await import(process.argv[1])
      const waste = []
      for (let made = 0; made < 60_000; made += 1) {
        generateKeyPair()
        waste[0] = new Array(made % 97)
      }
      console.log('all made')`
    const argv = ['--max-semi-space-size=1', '--input-type=module', '--eval', script, keyModule]
    const { stdout } = await execa(process.execPath, argv, { timeout: patience(90_000) })
    expect(stdout).toBe('all made')
  }, 400_000)
})
