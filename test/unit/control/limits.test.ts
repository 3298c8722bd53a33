import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { promisify } from 'node:util'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { createHttpServer, type HttpLimits, listen } from '../../../src/control/http-server.ts'
import { jsonReply, type Route } from '../../../src/control/route.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Generous, since the machine may be busy. */
const patient = { requestMs: 60_000, answerMs: 60_000, readMs: 60_000 }

/** A server whose answers to /slow wait for `release`. */
async function serve(limits: Partial<HttpLimits> = {}, shareMs = 0) {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const answered = { fast: 0, slow: 0, large: 0 }
  const row = { access: 'anyone', shareMs } as const
  const routes: Route[] = [
    {
      ...row,
      method: 'GET',
      path: '/fast',
      answer: () => {
        answered.fast += 1
        return jsonReply(200, { fast: answered.fast })
      },
    },
    {
      ...row,
      method: 'GET',
      path: '/slow',
      answer: async () => {
        answered.slow += 1
        await released
        return jsonReply(200, { slow: answered.slow })
      },
    },
    {
      ...row,
      method: 'GET',
      path: '/large',
      answer: () => {
        answered.large += 1
        return jsonReply(200, 'x'.repeat(20_000_000))
      },
    },
    { ...row, method: 'GET', path: '/fault', answer: () => Promise.reject(new Error('a secret')) },
  ]
  const server = createHttpServer({ routes, access: 'anyone', limits: { ...patient, ...limits } })
  servers.push(server)
  await listen(server, '127.0.0.1:0')
  const sockets: Socket[] = []
  server.on('connection', (socket) => sockets.push(socket))
  const { port } = server.address() as AddressInfo
  const countConnections = () => promisify(server.getConnections.bind(server))()
  return { port, answered, release, countConnections, sockets }
}

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  return socket
}

/** Everything that the server sends on a connection until it closes it. */
async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += String(chunk)
  })
  await new Promise((resolve) => socket.once('close', resolve))
  return text
}

async function ask(port: number, request: string): Promise<string> {
  const socket = open(port)
  socket.write(request)
  return readAll(socket)
}

const poll = <T>(look: () => T) => expect.poll(look, { timeout: 20_000 })
const get = (path: string, host = 'localhost') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
const countReplies = (text: string) => text.match(/^HTTP\/1\.1 /gm)?.length ?? 0

describe('the limits of the HTTP server', () => {
  test('a connection gets one answer, whatever the number of its requests', async () => {
    const { port, answered } = await serve()
    const text = await ask(port, get('/fast').repeat(2000))
    expect(countReplies(text)).toBe(1)
    expect(text).toContain('{"fast":1}')
    expect(answered.fast).toBe(1)
  })

  test('bytes after a request are not read while its answer is prepared', async () => {
    const { port, answered, release, sockets } = await serve()
    const socket = open(port)
    const reading = readAll(socket)
    socket.write(get('/slow'))
    await poll(() => answered.slow).toBe(1)
    // More than the system buffers for one connection, so that a part stays with the client.
    const flood = Buffer.alloc(16 * 1024 * 1024, get('/fast'))
    socket.write(flood)
    // A server that reads on takes megabytes in this time, and objects for each of the requests.
    for (let later = 0; later < 5; later += 1) expect(await ask(port, get('/large'))).toContain(' 200 ')
    expect(sockets[0]!.bytesRead).toBeLessThan(256 * 1024)
    release()
    expect(countReplies(await reading)).toBeLessThanOrEqual(1)
    expect(answered.fast).toBe(0)
  })

  test('requests at the same time, and shortly after, share one answer', async () => {
    const { port, answered, release } = await serve({}, 60_000)
    const asking = Array.from({ length: 10 }, () => ask(port, get('/slow')))
    await poll(() => answered.slow).toBe(1)
    release()
    for (const text of await Promise.all(asking)) expect(text).toContain('{"slow":1}')
    expect(await ask(port, get('/slow'))).toContain('{"slow":1}')
    expect(answered.slow).toBe(1)
  })

  test('an answer is prepared again after its lifetime', async () => {
    const { port } = await serve({}, 20)
    await ask(port, get('/fast'))
    await poll(() => ask(port, get('/fast'))).toContain('{"fast":2}')
  })

  test('idle and slow connections are closed in time', async () => {
    const { port } = await serve({ requestMs: 300 })
    const [idle, slow] = [open(port), open(port)]
    slow.write('GET /fast HTTP/1.1\r\nX: ')
    const timer = setInterval(() => slow.write('x'), 10)
    onTestFinished(() => clearInterval(timer))
    const begun = performance.now()
    await Promise.all([readAll(idle), readAll(slow)])
    expect(performance.now() - begun).toBeLessThan(10_000)
  })

  test('the connection of a client that does not read its answer is closed', async () => {
    const { port, answered, countConnections } = await serve({ readMs: 300 })
    open(port).pause().write(get('/large'))
    await poll(() => answered.large).toBe(1)
    await poll(countConnections).toBe(0)
  })

  test('a connection whose answer takes too long is closed', async () => {
    const { port } = await serve({ answerMs: 300 })
    expect(await ask(port, get('/slow'))).toBe('')
  })

  test('at the limit, a new connection replaces the oldest idle one', async () => {
    const { port } = await serve({ maxConnections: 4 })
    const idle = Array.from({ length: 4 }, () => open(port))
    await Promise.all(idle.map((socket) => once(socket, 'connect')))
    const ended = once(idle[0]!.resume(), 'close')
    expect(await ask(port, get('/fast'))).toContain(' 200 ')
    await ended
    expect(idle.slice(1).every(({ destroyed }) => !destroyed)).toBe(true)
  })

  test('a connection whose answer is being prepared is not replaced', async () => {
    const { port, answered, release } = await serve({ maxConnections: 1 })
    const asking = ask(port, get('/slow'))
    await poll(() => answered.slow).toBe(1)
    expect(await ask(port, get('/fast'))).toBe('')
    release()
    expect(await asking).toContain('{"slow":1}')
  })

  test.each([
    [
      'a header that is too large',
      `GET /fast HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`,
      431,
    ],
    ['data that is not HTTP', '\0\0\r\n\r\n', 400],
    ['another method', 'DELETE /fast HTTP/1.1\r\nHost: localhost\r\n\r\n', 405],
    ['an order', 'POST /operator HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}', 404],
    ['an unknown path', get('/nothing'), 404],
    ['a name of another site', get('/fast', 'example.com'), 421],
    ['a name that begins like ours', get('/fast', 'localhost.example.com'), 421],
    ['an address and a name', get('/fast', '127.0.0.1.example.com'), 421],
    ['an invalid Host', get('/fast', '[::1'), 421],
    ['an empty Host', get('/fast', ''), 421],
    ['no Host in HTTP/1.1', 'GET /fast HTTP/1.1\r\n\r\n', 400],
    ['no Host in HTTP/1.0', 'GET /fast HTTP/1.0\r\n\r\n', 200],
    ['an IPv4 address', get('/fast', '127.0.0.1:9586'), 200],
    ['an IPv6 address', get('/fast', '[::1]:9586'), 200],
    ['localhost', get('/fast', 'LOCALHOST:9586'), 200],
  ])('%s is answered', async (_what, request, code) => {
    const { port } = await serve()
    expect(await ask(port, request)).toMatch(new RegExp(`^HTTP/1\\.1 ${code} `))
  })

  test('an error does not show its message', async () => {
    const { port } = await serve()
    const text = await ask(port, get('/fault'))
    expect(text).toContain(' 500 ')
    expect(text).not.toContain('secret')
  })

  test('close ends the open connections', async () => {
    const { port } = await serve()
    const socket = open(port)
    await once(socket, 'connect')
    // The server has accepted it once it answers a later one.
    await ask(port, get('/fast'))
    const ended = once(socket.resume(), 'close')
    servers.splice(0)[0]!.close()
    await ended
  })
})
