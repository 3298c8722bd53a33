import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { createGuardClient, type GuardClient } from '../../../../src/node/guard/client.ts'
import { guardSocketOf } from '../../../../src/node/guard/protocol.ts'

let dir: string
let client: GuardClient
let manifest: Manifest
const guards: StubGuard[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-guard-'))
  manifest = {
    node: 'fra1-a',
    paths: { runtimeDir: dir },
    services: [{ name: 'vpn', deadManMs: 10_000 }],
  } as never
  client = createGuardClient({
    manifest,
    serial: '1',
    spawn: async () => ({ pid: 0, ended: () => true }),
    log: pino({ enabled: false }),
    clock: systemClock,
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

  constructor() {
    guards.push(this)
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.setEncoding('utf8').on('data', (text: string) => {
        for (const line of text.trim().split('\n')) {
          this.requests.push(JSON.parse(line).type)
          socket.write(`${JSON.stringify({ pid: 1, serial: '1', leases: {} })}\n`)
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
