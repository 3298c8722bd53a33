import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { askControl } from '../../../src/control/client.ts'
import { createHttpServer, listen } from '../../../src/control/http-server.ts'
import type { OperatorOrder } from '../../../src/control/order.ts'
import { orderRoute, viewRoutes } from '../../../src/control/program-routes.ts'
import type { NodeStatus } from '../../../src/control/status.ts'

let socketPath: string
let dir: string
const servers: Server[] = []
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-test-'))
  socketPath = join(dir, 'socket')
})
afterEach(async () => {
  for (const server of servers.splice(0)) server.close()
  await rm(dir, { recursive: true })
})

const time = '2026-11-23T03:00:00.000Z'
const status: NodeStatus = {
  version: 1,
  node: 'fra1-a',
  site: 'fra1',
  bundle: null,
  services: [
    {
      name: 'vpn',
      health: 'healthy',
      decision: 'announce',
      reason: 'healthy',
      detail: 'all checks are good',
      since: time,
      announced: [{ neighbor: 'transit1', prefix: '192.0.2.0/24', degraded: false }],
      checks: { handshake: true },
      probe: { outcome: 'good', handshakeMs: 1.5, pingMs: null },
      loss: 0,
      holdDown: { flaps: 0, leftMs: null },
      late: { inRow: 0, total: 0 },
      drain: { stage: 'none', sinceMs: null, waitingFor: null, ending: null },
      permit: { standing: 'none', held: false },
      fenced: null,
      remote: null,
    },
  ],
  neighbors: [{ name: 'transit1', address: '10.1.1.1', session: 'up', bfd: null }],
  operator: { intent: 'serve', source: null, reason: null, by: null, until: null },
  maintenance: { active: null, next: { start: time, until: time, reason: 'upgrade' } },
  guard: { holding: true, pid: 4711, problem: null },
  store: { ok: true, since: time, problem: null },
  rescue: null,
  heldAddresses: [],
  access: null,
  serial: 20261129120000,
  daemon: {
    kind: 'bird',
    version: '2.0.12',
    verified: true,
    observedAgoMs: 12,
    trouble: null,
    savedAnnouncements: [],
  },
  time,
}

async function serveStatus(shown: unknown, carryOut = (_order: OperatorOrder) => Promise.resolve(shown)) {
  const view = viewRoutes({
    isWorking: () => true,
    status: () => shown,
    metrics: () => Promise.reject(new Error('not asked for here')),
  })
  const server = createHttpServer({ routes: [...view, orderRoute(carryOut)], access: 'owner' })
  servers.push(server)
  await listen(server, socketPath)
}

/** Answers every request with these bytes. */
async function serveBytes(code: number, bytes: string) {
  const server = createServer((_request, response) => response.writeHead(code).end(bytes))
  servers.push(server)
  server.listen(socketPath)
  await expect.poll(() => server.listening).toBe(true)
}

const ask = (order: Partial<OperatorOrder> | null = null) => askControl(socketPath, order, 10_000)

describe('the control client', () => {
  test('reads the status of the server', async () => {
    await serveStatus(status)
    expect(await ask()).toEqual({ outcome: 'answered', status })
  })

  test('sends an order unchanged', async () => {
    const orders: OperatorOrder[] = []
    await serveStatus(status, async (order) => {
      orders.push(order)
      return status
    })
    const order = { intent: 'drain', reason: 'kernel upgrade', forMs: 60_000 } as const
    expect(await ask(order)).toEqual({ outcome: 'answered', status })
    expect(orders).toEqual([order])
  })

  test('returns the reason why an order failed', async () => {
    await serveStatus(status, () => Promise.reject(new Error('the disk is full')))
    expect(await ask({ intent: 'drain' })).toEqual({ outcome: 'refused', message: 'the disk is full' })
  })

  test('reports no controller where there is no socket', async () => {
    expect(await ask()).toEqual({ outcome: 'absent' })
  })

  test('an unknown key in the status is not an error', async () => {
    await serveStatus({ ...status, later: [] })
    expect(await ask()).toEqual({ outcome: 'answered', status })
  })

  test.each([
    ['another version', { ...status, version: 2 }, 'version'],
    ['no version', { ...status, version: undefined }, 'version'],
    ['a service without a decision', { ...status, services: [{ name: 'vpn' }] }, 'services.0.'],
    ['a list', [], 'document'],
    ['null', null, 'document'],
  ])('a status with %s is refused', async (_what, shown, place) => {
    await serveStatus(shown)
    expect(await ask()).toMatchObject({ outcome: 'unreadable', problem: expect.stringContaining(place) })
  })

  test('a status that is not JSON is refused', async () => {
    await serveBytes(200, '{{{')
    expect(await ask()).toEqual({ outcome: 'unreadable', problem: 'it is not JSON' })
  })

  test.each(['null', '[]', '{"error":{"message":"x"}}', '{}'])(
    'an error without a message, %s, is reported by its code',
    async (bytes) => {
      await serveBytes(500, bytes)
      expect(await ask()).toEqual({ outcome: 'refused', message: 'code 500' })
    },
  )

  test('a controller that does not answer is an error at the deadline', async () => {
    const server = createServer(() => {})
    servers.push(server)
    await listen(server, socketPath)
    expect(await askControl(socketPath, null, 50)).toMatchObject({ outcome: 'failed' })
    server.closeAllConnections()
  })
})

test('an order of an unknown version is refused', async () => {
  const { orderSchema } = await import('../../../src/control/order.ts')
  expect(orderSchema.safeParse({ version: 1, intent: 'serve' }).success).toBe(true)
  expect(orderSchema.safeParse({ version: 2, intent: 'serve' }).success).toBe(false)
})
