import { once } from 'node:events'
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { Connection } from '../../../src/fleet/connection.ts'
import { patience } from '../../patience.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

interface Bed {
  readonly connection: Connection
  readonly relay: Server
  readonly sessions: ServerHttp2Session[]
  readonly sockets: Socket[]
}

/** A server that answers each request but `/held`, behind a relay. The connection is verified before each request. */
async function start(): Promise<Bed> {
  const server = createServer()
  const sessions: ServerHttp2Session[] = []
  server.on('session', (session) => {
    sessions.push(session)
    session.on('error', () => {})
  })
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => {})
    if (headers[':path'] !== '/held') stream.end('answer')
  })
  const sockets: Socket[] = []
  const relay = createTcpServer((socket) => {
    const behind = connect((server.address() as AddressInfo).port, '127.0.0.1')
    sockets.push(socket)
    for (const each of [socket, behind]) each.on('error', () => {})
    socket.on('close', () => behind.destroy())
    socket.pipe(behind).pipe(socket)
  })
  for (const each of [server, relay]) {
    each.listen(0, '127.0.0.1')
    await once(each, 'listening')
  }
  const { port } = relay.address() as AddressInfo
  const connection = new Connection(`http://127.0.0.1:${port}`, {}, 0)
  closers.push(() => {
    connection.abort()
    for (const socket of sockets) socket.destroy()
    relay.close()
    server.close()
  })
  return { connection, relay, sessions, sockets }
}

/** The server's host no longer answers, and no packet says so. */
function silence(socket: Socket): void {
  socket.unpipe()
  socket.pause()
}

async function ask({ connection }: Bed, path = '/'): Promise<string> {
  const stream = await connection.request('GET', path, {}, {})
  stream.setEncoding('utf8')
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

test('a server that answers is reached, again and again over one connection', async () => {
  const bed = await start()
  for (let round = 0; round < 3; round += 1) {
    expect(await bed.connection.connect(patience(5000))).toBeNull()
    expect(await ask(bed)).toBe('answer')
  }
  expect(bed.sessions).toHaveLength(1)
})

test('a server that does not answer a PING is no longer used, and what waits for it fails', async () => {
  const bed = await start()
  expect(await ask(bed)).toBe('answer')
  const held = ask(bed, '/held')
  const failed = expect(held).rejects.toThrow()
  silence(bed.sockets[0]!)
  expect(await bed.connection.connect(50)).toBe('no connection in time')
  await failed
  expect(await bed.connection.connect(patience(5000))).toBeNull()
  expect(await ask(bed)).toBe('answer')
  expect(bed.sessions).toHaveLength(2)
})

test('a connection that is given up in any order ends no process', async () => {
  const bed = await start()
  for (let round = 0; round < 20; round += 1) {
    expect(await bed.connection.connect(patience(5000))).toBeNull()
    const held = ask(bed, '/held').catch(() => 'failed')
    const verified = bed.connection.connect(round % 3)
    const socket = bed.sockets.at(-1)!
    if (round % 2 === 0) silence(socket)
    else socket.resetAndDestroy()
    if (round % 4 < 2) bed.connection.abort()
    await verified
    bed.connection.abort()
    expect(await held).not.toBe('answer')
    expect(await ask(bed)).toBe('answer')
  }
})

test('after a GOAWAY the next request goes over another connection', async () => {
  const bed = await start()
  expect(await ask(bed)).toBe('answer')
  bed.sessions[0]!.goaway(0)
  const asked = async () => {
    expect(await ask(bed)).toBe('answer')
    return bed.sessions.length
  }
  await expect.poll(asked, { timeout: patience(5000) }).toBe(2)
})

test('what keeps a connection from being opened is reported at once', async () => {
  const bed = await start()
  bed.relay.close()
  expect(await bed.connection.connect(patience(60_000))).toContain('ECONNREFUSED')
  const waiting = new Connection('http://127.0.0.1:9', {}).connect(patience(60_000))
  expect(await waiting).toContain('ECONNREFUSED')
})

test('one that is given up while it is opened says so at once', async () => {
  const bed = await start()
  const waiting = bed.connection.connect(patience(60_000))
  bed.connection.abort()
  expect(await waiting).toBe('the connection was given up')
})
