import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, expect, it } from 'vitest'
import { isLocalPortOpen } from '../../../src/linux/udp-ports.ts'

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close()
})

async function bind(type: 'udp4' | 'udp6', address: string): Promise<number> {
  const socket = createSocket(type)
  sockets.push(socket)
  socket.bind({ address, port: 0 })
  await once(socket, 'listening')
  return socket.address().port
}

it.each([
  ['udp4', '0.0.0.0', '127.0.0.1'],
  ['udp4', '127.0.0.1', '127.0.0.1'],
  ['udp6', '::', '::1'],
  ['udp6', '::', '127.0.0.1'],
] as const)('a port that %s binds at %s is open at %s until it is closed', async (type, bound, address) => {
  const port = await bind(type, bound)
  expect(await isLocalPortOpen(address, port)).toBe(true)
  const socket = sockets.pop()!
  socket.close()
  await once(socket, 'close')
  expect(await isLocalPortOpen(address, port)).toBe(false)
})

it('a connected socket does not keep its port open for others', async () => {
  const peer = await bind('udp4', '127.0.0.1')
  const socket = createSocket('udp4')
  sockets.push(socket)
  socket.connect(peer, '127.0.0.1')
  await once(socket, 'connect')
  expect(await isLocalPortOpen('127.0.0.1', socket.address().port)).toBe(false)
})

it('a port at an address of another host is not known to this kernel', async () => {
  const port = await bind('udp4', '0.0.0.0')
  expect(await isLocalPortOpen('192.0.2.200', port)).toBe(false)
})
