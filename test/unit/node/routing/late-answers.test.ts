import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { BirdClient } from '../../../../src/node/routing/bird/client.ts'

/** A daemon that answers only when a test lets it, and closes when it has seen the client's end, as BIRD does. */
let dir: string
let server: Server
let sockets: Socket[]
let client: BirdClient
let broken: Set<Socket>

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'late-'))
  sockets = []
  broken = new Set()
  server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    socket.setMaxListeners(0)
    socket.on('error', () => broken.add(socket))
    socket.on('data', (data) => {
      if (data.toString() === 'short\n') socket.write('0000 \n')
    })
    socket.write('0001 BIRD 3.1.8 ready.\n')
  })
  const socketPath = join(dir, 'ctl')
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  client = new BirdClient({ socketPath, deadlineMs: 50 })
})

afterEach(async () => {
  vi.useRealTimers()
  client.close()
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
  await rm(dir, { recursive: true, force: true })
})

async function expire(): Promise<Socket> {
  await expect(client.send('long')).rejects.toMatchObject({ code: 'timeout' })
  return sockets.at(-1)!
}

/** As much as the socket takes while the client reads it. */
async function write(socket: Socket, bytes: number): Promise<void> {
  const line = Buffer.from(`1007-${'x'.repeat(65_530)}\n`)
  for (let written = 0; written < bytes && !socket.destroyed; written += line.length) {
    if (!socket.write(line)) {
      await new Promise<void>((resolve) => {
        socket.once('drain', resolve)
        socket.once('close', () => resolve())
      })
    }
  }
}

const closed = (socket: Socket) =>
  new Promise<void>((resolve) => {
    if (socket.destroyed) resolve()
    else socket.once('close', () => resolve())
  })

test('a late answer is read to its end, and its connection is not used again', async () => {
  const late = await expire()
  await client.send('short')
  expect(sockets).toHaveLength(2)
  await write(late, 20_000_000)
  await new Promise<void>((resolve) => late.end('0000 \n', resolve))
  await closed(late)
  expect(broken).not.toContain(late)
  await client.send('short')
  expect(sockets).toHaveLength(2)
})

test('so is an answer that is too long to be taken', async () => {
  client = new BirdClient({ socketPath: join(dir, 'ctl'), deadlineMs: 60_000 })
  const refused = expect(client.send('long')).rejects.toMatchObject({ code: 'protocol' })
  while (sockets.length === 0) await new Promise(setImmediate)
  const [socket] = sockets
  await once(socket!, 'data')
  await write(socket!, 8_000_000)
  await refused
  await new Promise<void>((resolve) => socket!.end('0000 \n', resolve))
  await closed(socket!)
  expect(broken).not.toContain(socket)
})

test('of more than four connections with late answers the oldest is closed', async () => {
  const late: Socket[] = []
  for (let count = 0; count < 5; count++) late.push(await expire())
  const [oldest, ...others] = late
  await write(oldest!, 1_000_000)
  await closed(oldest!)
  expect(broken).toContain(oldest)
  for (const socket of others) {
    await write(socket, 1_000_000)
    await new Promise<void>((resolve) => socket.end('0000 \n', resolve))
    expect(broken).not.toContain(socket)
  }
})

test('a connection whose late answer is longer than 64 MiB is closed', async () => {
  const late = await expire()
  await write(late, 80 * 1024 * 1024)
  expect(broken).toContain(late)
})

test('a connection whose answer is more than five minutes late is closed', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const refused = expect(client.send('long')).rejects.toMatchObject({ code: 'timeout' })
  while (sockets.length === 0) await new Promise(setImmediate)
  const [late] = sockets
  await once(late!, 'data')
  await vi.advanceTimersByTimeAsync(50)
  await refused
  await vi.advanceTimersByTimeAsync(5 * 60_000 - 1000)
  await write(late!, 1_000_000)
  expect(broken).not.toContain(late)
  await vi.advanceTimersByTimeAsync(1000)
  await write(late!, 1_000_000)
  expect(broken).toContain(late)
})

test('a late answer does not keep the process running, but leaving waits for it', async () => {
  const connections = () => process.getActiveResourcesInfo().filter((name) => name === 'PipeWrap').length
  await client.send('short')
  const before = connections()
  const late = await expire()
  expect(connections()).toBe(before - 1)
  let hasLeft = false
  const leaving = client.leave().then(() => {
    hasLeft = true
  })
  await write(late, 1_000_000)
  expect(hasLeft).toBe(false)
  late.end('0000 \n')
  await leaving
})

test('leaving waits for two seconds at most', async () => {
  await expire()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const leaving = client.leave()
  await vi.advanceTimersByTimeAsync(2000)
  await leaving
})
