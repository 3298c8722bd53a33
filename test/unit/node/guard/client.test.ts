import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../../../src/clock/clock.ts'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { createGuardClient, type GuardClient } from '../../../../src/node/guard/client.ts'
import { guardSocketOf } from '../../../../src/node/guard/protocol.ts'

let dir: string
let client: GuardClient
let manifest: Manifest
/** Added to the time of the client. */
let laterMs: number
/** Whether a guard that is started ends at once. */
let endsAtOnce: boolean
let spawned: number
let logged: { level: number; msg: string }[]
const clock: Clock = { ...systemClock, now: () => systemClock.now() + laterMs }
const guards: StubGuard[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-guard-'))
  manifest = {
    node: 'fra1-a',
    paths: { runtimeDir: dir },
    services: [{ name: 'vpn', deadManMs: 10_000 }],
  } as never
  laterMs = 0
  endsAtOnce = true
  spawned = 0
  logged = []
  client = createGuardClient({
    manifest,
    serial: '1',
    spawn: async () => {
      spawned += 1
      return { pid: 0, ended: () => endsAtOnce }
    },
    log: pino({}, { write: (line) => logged.push(JSON.parse(line)) }),
    clock,
  })!
})
afterEach(async () => {
  client.close()
  for (const guard of guards.splice(0)) await guard.end()
  await rm(dir, { recursive: true })
})

/** Answers every request, as a guard does. */
class StubGuard {
  readonly requests: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(serial = '1') {
    guards.push(this)
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.setEncoding('utf8').on('data', (text: string) => {
        for (const line of text.trim().split('\n')) {
          this.requests.push(JSON.parse(line).type)
          socket.write(`${JSON.stringify({ pid: 1, serial, leases: {} })}\n`)
        }
      })
    })
  }

  listen() {
    return new Promise<void>((resolve) => this.#server.listen(guardSocketOf(manifest), resolve))
  }

  end() {
    for (const socket of this.#sockets) socket.destroy()
    return new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}

test.each([
  ['hand-over', () => client.handOver()],
  ['release', () => client.release(['vpn'])],
])('the request %s reaches the guard that just replaces another, and is the last one', async (type, send) => {
  const first = new StubGuard()
  await first.listen()
  client.start()
  client.renew(['vpn'])
  await expect.poll(() => client.state.holding).toBe(true)
  await first.end()
  await expect.poll(() => client.state.holding).toBe(false)
  const sent = send()
  const second = new StubGuard()
  await second.listen()
  await sent
  client.renew(['vpn'])
  expect(second.requests).toEqual([type])
})

test('without a guard, the last request is given up', async () => {
  client.start()
  await client.handOver()
  expect(client.state.holding).toBe(false)
})

const errors = () => logged.filter(({ level }) => level >= 50).map(({ msg }) => msg)
const unreachable = 'the guard cannot be reached (ENOENT): nothing withdraws if this controller fails'

test('a guard that answers in the normal time after the start is no error', async () => {
  endsAtOnce = false
  client.start()
  await expect.poll(() => spawned).toBe(1)
  await expect.poll(() => client.state.problem).toContain('ENOENT')
  await new StubGuard().listen()
  await expect.poll(() => client.state.holding).toBe(true)
  expect(logged.map(({ msg }) => msg)).toEqual(['the guard holds the watchdog deadlines'])
})

test('the same for one that replaces the guard of another bundle', async () => {
  endsAtOnce = false
  const former = new StubGuard('0')
  await former.listen()
  client.start()
  await expect.poll(() => spawned).toBe(1)
  expect(client.state.problem).toBe('the running guard has another bundle')
  await former.end()
  await new StubGuard().listen()
  await expect.poll(() => client.state.holding).toBe(true)
  expect(errors()).toEqual([])
})

test('a guard that has not answered after that time is an error, once', async () => {
  endsAtOnce = false
  client.start()
  await expect.poll(() => spawned).toBe(1)
  expect(errors()).toEqual([])
  laterMs = 5000
  await expect.poll(errors).toEqual([unreachable])
  await expect.poll(() => client.state.holding).toBe(false)
})

test('a guard that ends while it starts is an error at once', async () => {
  client.start()
  await expect.poll(errors).toEqual([unreachable])
})

test('a guard that ends later is an error at once', async () => {
  endsAtOnce = false
  const guard = new StubGuard()
  await guard.listen()
  client.start()
  await expect.poll(() => client.state.holding).toBe(true)
  await guard.end()
  await expect.poll(() => errors().length).toBeGreaterThan(0)
})
