import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtCode } from '../e2e/fixtures/wireguard/agent.ts'
import { inKernel, newKeys, WireguardServer } from '../e2e/fixtures/wireguard/server.ts'
import { patience } from '../patience.ts'

/** What docs/probe.md says of the kernel's WireGuard. Each measurement is printed, for the documentation. */
const server = new WireguardServer('kw')
const facts = fileURLToPath(new URL('fixture/wireguard-facts.mjs', import.meta.url))
let child: ReturnType<typeof spawn>
let answers: AsyncIterator<string>
let port = 0

async function call<T>(name: string, params: object = {}): Promise<T> {
  child.stdin!.write(`${JSON.stringify({ call: name, params })}\n`)
  const { value } = await answers.next()
  if (value === undefined) throw new Error('the measuring process has ended')
  console.log(`${name} ${JSON.stringify(params).slice(0, 60)}: ${value}`)
  return JSON.parse(value) as T
}

const publicKey = { serverPublicKey: server.keys.publicKey }

beforeAll(async () => {
  // A burst is held in the buffers of one socket.
  await execa('sysctl', ['-q', '-w', 'net.core.wmem_max=33554432', 'net.core.rmem_max=33554432'])
  await server.start()
  const argv = ['netns', 'exec', server.namespace, process.execPath, facts, builtCode]
  child = spawn('ip', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const identity = { privateKey: server.probeKeys.privateKey, presharedKey: server.presharedKey }
  port = await call('use', { ...publicKey, ...identity })
}, patience(60_000))

afterAll(async () => {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.stdin!.end()
  await ended
  await server.stop()
}, patience(60_000))

test('the server is the kernel’s', () => {
  expect(inKernel).toBe(true)
})

test('answers each initiation from 30 ms distance on, and drops some that arrive within 20 ms', async () => {
  const total = 15
  const answered = new Map<number, number>()
  for (const spacingMs of [0, 10, 20, 25, 30]) {
    const result = await call<{ answered: number }>('spaced', { spacingMs, total })
    answered.set(spacingMs, result.answered)
  }
  expect(answered.get(0)).toBeLessThan(total)
  expect(answered.get(30)).toBe(total)
})

test('drops a repeated and an older initiation in silence', async () => {
  expect(await call('replay')).toEqual([1, 0, 0])
})

describe('under load', () => {
  /** Packets wait for the next slot, and then arrive at once: faster than the kernel computes X25519. */
  const hold = (verb: 'add' | 'delete', slot = '2s') =>
    server.run('tc', 'qdisc', verb, 'dev', 'lo', 'root', ...(verb === 'add' ? gate(slot) : []))
  const gate = (slot: string) => [
    'netem',
    'limit',
    '100000',
    'slot',
    slot,
    slot,
    'packets',
    '100000',
    'bytes',
    '100000000',
  ]

  test(
    'it asks for a cookie when its queue is long, and not when it is short',
    async () => {
      await hold('add')
      try {
        const cookies = new Map<number, number>()
        for (const size of [300, 500, 700, 1500]) {
          cookies.set(size, (await call<{ cookies: number }>('burst', { size, ...publicKey })).cookies)
        }
        expect(cookies.get(300)).toBe(0)
        // From 512 in the queue on, and for a second after that: also while the rest of the queue is answered.
        expect(cookies.get(700)).toBeGreaterThan(700 - 512)
        expect(cookies.get(1500)).toBeGreaterThan(1500 - 512)
      } finally {
        await hold('delete')
      }
    },
    patience(120_000),
  )

  test(
    'it asks for a cookie for a second after its queue was long, although the queue is empty',
    async () => {
      await hold('add', '400ms')
      try {
        const replies = await call<[number, number][]>('followed', { size: 700, ...publicKey })
        const typesAfter = (ms: number) => replies.filter(([, atMs]) => atMs > ms).map(([type]) => type)
        expect(typesAfter(200)).toContain(3)
        expect(new Set(typesAfter(1700))).toEqual(new Set([2]))
      } finally {
        await hold('delete')
      }
    },
    patience(120_000),
  )

  test(
    'it answers without a cookie again seconds later',
    async () => {
      await hold('add')
      await call('strangers', { size: 3000, ...publicKey })
      await delay(5000)
      await hold('delete')
      const { loadedMs } = await call<{ loadedMs: number }>('loaded')
      expect(loadedMs).toBeLessThan(patience(3000))
    },
    patience(60_000),
  )
})

test(
  'as initiator it tries each 5 to 5.9 s, and at once when a keepalive is set',
  async () => {
    const silent = newKeys()
    const peer = ['peer', silent.publicKey]
    const endpoint = ['endpoint', `192.0.2.1:${port}`]
    await server.wg('set', server.interface, ...peer, 'allowed-ips', '10.80.9.9/32', ...endpoint)
    const arrivals = call<number[]>('listen', { forMs: 17_000, type: 1 })
    await delay(500)
    await server.wg('set', server.interface, ...peer, 'persistent-keepalive', '25')
    const at = await arrivals
    await server.wg('set', server.interface, ...peer, 'remove')
    expect(at[0]).toBeLessThan(patience(1000))
    const gaps = at.slice(1).map((ms, index) => ms - at[index]!)
    expect(gaps.length).toBeGreaterThanOrEqual(2)
    for (const gap of gaps) {
      expect(gap).toBeGreaterThanOrEqual(4900)
      expect(gap).toBeLessThan(patience(2000) + 5900)
    }
  },
  patience(60_000),
)
