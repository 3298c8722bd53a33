import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request, type Server } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createHttpServer, listen } from '../../../src/control/http-server.ts'
import type { OperatorOrder } from '../../../src/control/order.ts'
import { orderRoute, viewRoutes } from '../../../src/control/program-routes.ts'

let dir: string
const servers: Server[] = []
const orders: OperatorOrder[] = []
let working = true

const routes = [
  ...viewRoutes({
    isWorking: () => working,
    status: () => ({ node: 'fra1-a' }),
    metrics: async () => ({ contentType: 'text/plain', body: 'anyward_health 1\n' }),
  }).map((route) => ({ ...route, shareMs: 0 })),
  orderRoute(async (order) => {
    orders.push(order)
    return { node: 'fra1-a' }
  }),
]

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-test-'))
  working = true
  orders.length = 0
})
afterEach(async () => {
  for (const server of servers.splice(0)) server.close()
  await rm(dir, { recursive: true, force: true })
})

async function serve(readOnly: boolean): Promise<string> {
  const server = createHttpServer({ routes, access: readOnly ? 'anyone' : 'owner' })
  servers.push(server)
  const path = join(dir, 'socket')
  await listen(server, path)
  return path
}

async function ask(socketPath: string, method: string, path: string, body?: string) {
  const outgoing = request({ socketPath, method, path })
  outgoing.end(body)
  const [response] = await once(outgoing, 'response')
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { code: response.statusCode as number, text }
}

describe('the HTTP server', () => {
  test('answers /status, /metrics and /healthz', async () => {
    const path = await serve(true)
    expect(await ask(path, 'GET', '/status')).toEqual({ code: 200, text: '{"node":"fra1-a"}\n' })
    expect((await ask(path, 'GET', '/metrics')).text).toBe('anyward_health 1\n')
    expect((await ask(path, 'GET', '/healthz')).code).toBe(200)
    working = false
    expect((await ask(path, 'GET', '/healthz')).code).toBe(503)
  })

  test('accepts orders on the protected socket', async () => {
    const path = await serve(false)
    const reply = await ask(path, 'POST', '/operator', '{"intent":"drain","forMs":60000}')
    expect(reply.code).toBe(200)
    expect(orders).toEqual([{ intent: 'drain', reason: null, forMs: 60_000 }])
  })

  test('accepts no order on a public server', async () => {
    const path = await serve(true)
    expect((await ask(path, 'POST', '/operator', '{"intent":"withdraw"}')).code).toBe(404)
    expect(orders).toEqual([])
  })

  test.each(['', 'drain', '{"intent":"off"}', '{"intent":"drain","forMs":-1}', '[]', 'x'.repeat(4000)])(
    'refuses an invalid order: %.40j',
    async (body) => {
      const path = await serve(false)
      expect((await ask(path, 'POST', '/operator', body)).code).toBe(400)
      expect(orders).toEqual([])
    },
  )

  test('takes one request of a connection, also of those that expect something', async () => {
    const onWork = vi.fn()
    const server = createHttpServer({ routes, access: 'anyone', onWork })
    servers.push(server)
    await listen(server, join(dir, 'socket'))
    const socket = connect(join(dir, 'socket')).setEncoding('utf8')
    socket.write('GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: much\r\n\r\n'.repeat(5))
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200'])
    expect(text).toContain('content-security-policy')
    // The connection, and each of the requests.
    expect(onWork).toHaveBeenCalledTimes(6)
  })

  test('survives data that is not HTTP', async () => {
    const path = await serve(false)
    const socket = connect(path).resume()
    socket.end('\0\0\0 nonsense\r\n\r\n')
    await once(socket, 'close')
    expect((await ask(path, 'GET', '/status')).code).toBe(200)
  })
})
