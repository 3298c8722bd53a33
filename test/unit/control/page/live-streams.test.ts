import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { endpoints } from '../../../../src/control/endpoints.ts'
import { createHttpServer, listen } from '../../../../src/control/http-server.ts'
import { LiveStreams } from '../../../../src/control/page/live-streams.ts'
import { jsonReply } from '../../../../src/control/route.ts'

let dir: string
let asked = 0
let state = ''
const servers: Server[] = []
const sockets: Socket[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-test-'))
  asked = 0
  state = 'first'
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
  await rm(dir, { recursive: true })
})

async function serve(
  limits: ConstructorParameters<typeof LiveStreams>[0] extends infer T ? Partial<T> : never,
) {
  const live = new LiveStreams({
    ask: async () => {
      asked += 1
      return jsonReply(200, state)
    },
    ...limits,
  })
  const routes = [{ ...endpoints.live, answer: () => expect.unreachable() }]
  const server = createHttpServer({
    routes,
    access: 'anyone',
    streams: new Map([[endpoints.live.path, live]]),
  })
  servers.push(server)
  const path = join(dir, 'socket')
  await listen(server, path)
  return { path, live }
}

/** Opens a stream; `text` is what it has sent. */
function open(path: string, ask = 'GET /live HTTP/1.1') {
  const socket = connect(path)
  sockets.push(socket)
  const stream = { socket, text: '', ended: once(socket, 'close') }
  socket.on('data', (chunk) => {
    stream.text += String(chunk)
  })
  socket.on('error', () => {})
  socket.write(`${ask}\r\nHost: localhost\r\n\r\n`)
  return stream
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('live streams', () => {
  test('send the state at the start, after a change, and at least that often', async () => {
    const { path, live } = await serve({ everyMs: 60_000, leastGapMs: 0 })
    const stream = open(path)
    await until(() => stream.text.includes('data: "first"\n\n'))
    expect(stream.text).toContain('content-type: text/event-stream')
    expect(stream.text).toContain("content-security-policy: default-src 'none'")
    state = 'second'
    live.changed()
    await until(() => stream.text.includes('data: "second"\n\n'))
    const often = await serveOften()
    await until(() => often.text.split('data: ').length > 3)
  })

  const serveOften = async () => {
    for (const server of servers.splice(0)) server.close()
    const { path } = await serve({ everyMs: 5 })
    return open(path)
  }

  test('ask nothing while none is open, and once for all', async () => {
    const { path, live } = await serve({ everyMs: 5, leastGapMs: 1 })
    live.changed()
    expect(asked).toBe(0)
    const streams = Array.from({ length: 8 }, () => open(path))
    await until(() => streams.every(({ text }) => text.split('data: ').length > 4))
    const most = Math.max(...streams.map(({ text }) => text.split('data: ').length))
    expect(asked).toBeLessThan(3 * most)
    for (const { socket } of streams) socket.destroy()
    // The server notices each when it writes.
    await until(() => live.count === 0)
    const before = asked
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(asked).toBe(before)
  })

  test('put many changes into few messages', async () => {
    const { path, live } = await serve({ everyMs: 60_000, leastGapMs: 50 })
    const stream = open(path)
    await until(() => stream.text.includes('first'))
    for (let at = 0; at < 1000; at += 1) live.changed()
    state = 'last'
    await until(() => stream.text.includes('last'))
    expect(asked).toBeLessThan(5)
  })

  test('are at most eight: a further one is refused with the way out, and the place of one that ends is free', async () => {
    const { path } = await serve({ everyMs: 5, leastGapMs: 1 })
    const streams = Array.from({ length: 8 }, () => open(path))
    await until(() => streams.every(({ text }) => text.includes('data: ')))
    const refused = open(path)
    await refused.ended
    expect(refused.text).toMatch(/^HTTP\/1.1 503 [\s\S]*ask for \/state instead/)
    streams[3]!.socket.destroy()
    let next = open(path)
    await until(() => {
      if (next.text.includes('503')) next = open(path)
      return next.text.includes('data: ')
    })
  })

  test('take no place among the other connections', async () => {
    const { path } = await serve({ most: 100, everyMs: 60_000 })
    const streams = Array.from({ length: 40 }, () => open(path))
    await until(() => streams.every(({ text }) => text.includes('data: ')))
    expect(streams.every(({ socket }) => !socket.destroyed)).toBe(true)
  })

  test('cut off a reader that does not read, and skip what it has missed', async () => {
    const { path, live } = await serve({ everyMs: 5, leastGapMs: 1, drainMs: 100 })
    state = 'x'.repeat(1_000_000)
    const deaf = connect(path).pause()
    sockets.push(deaf)
    deaf.on('error', () => {})
    deaf.write('GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until(() => live.count === 1)
    const reader = open(path)
    await until(() => reader.text.length > 3_000_000)
    await until(() => live.count === 1)
    expect(reader.socket.destroyed).toBe(false)
  })

  test('send a slow reader the newest state, and nothing between', async () => {
    const { path } = await serve({ everyMs: 5, leastGapMs: 1 })
    const messages = (text: string) => text.split('\n\n').filter((message) => message.startsWith('data: '))
    state = 'x'.repeat(1_000_000)
    const slow = open(path)
    slow.socket.pause()
    await until(() => asked > 5)
    state = 'between'
    const from = asked
    await until(() => asked > from + 5)
    state = 'newest'
    const then = asked
    await until(() => asked > then + 5)
    slow.socket.resume()
    await until(() => slow.text.includes('newest'))
    expect(messages(slow.text).some((message) => message.includes('between'))).toBe(false)
    expect(slow.text.length).toBeLessThan(3_000_000)
  })

  test('end after their life, so that one without its other end does not stay', async () => {
    const { path } = await serve({ lifeMs: 50 })
    const stream = open(path)
    await stream.ended
    expect(stream.text).toContain('data: "first"')
  })

  test('end where the program has no answer', async () => {
    const { path } = await serve({ ask: async () => jsonReply(503, { error: 'busy' }) })
    const stream = open(path)
    await stream.ended
    expect(stream.text).not.toContain('busy')
  })

  test.each(['HEAD', 'POST', 'PUT'])('are for GET: not for %s', async (method) => {
    const { path } = await serve({})
    const stream = open(path, `${method} /live HTTP/1.1`)
    await stream.ended
    expect(stream.text).toMatch(/^HTTP\/1.1 40[45] /)
    expect(asked).toBe(0)
  })

  test.each([
    ['Host: evil.example', 421],
    ['Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors', 403],
    ['Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors', 403],
  ])('are for no page of another site: %j', async (header, code) => {
    const { path } = await serve({})
    const outgoing = request({ socketPath: path, path: '/live' })
    for (const line of header.split('\r\n')) outgoing.setHeader(...(line.split(': ') as [string, string]))
    outgoing.end()
    const [response] = await once(outgoing, 'response')
    response.resume()
    expect(response.statusCode).toBe(code)
    expect(asked).toBe(0)
  })
})
