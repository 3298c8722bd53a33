import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createRtrServer, type RtrServerOptions } from '../../../../src/plan/rtr/server.ts'
import type { RtrEvent } from '../../../../src/plan/rtr/session.ts'
import { createVrpSet, vrp } from '../rpki/vrps.ts'

const first = createVrpSet(['192.0.2.0/24 64500', '2001:db8::/32-48 64501'].map(vrp))
const second = createVrpSet(['192.0.2.0/24-25 64500', '2001:db8::/32-48 64501'].map(vrp))

const resetQuery = (version: number) => Buffer.from([version, 2, 0, 0, 0, 0, 0, 8])
const serialQuery = (version: number, session: number, serial: number) => {
  const bytes = Buffer.from([version, 1, 0, 0, 0, 0, 0, 12, 0, 0, 0, 0])
  bytes.writeUInt16BE(session, 2)
  bytes.writeUInt32BE(serial, 8)
  return bytes
}

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function start(options: Partial<RtrServerOptions> = {}) {
  const events: RtrEvent[] = []
  const server = createRtrServer({
    vrps: first,
    refreshS: 3600,
    retryS: 600,
    expireS: 7200,
    onEvent: (_router, event) => events.push(event),
    ...options,
  })
  undo.push(() => server.close())
  const { port } = await server.listen('127.0.0.1', 0)
  return { server, events, dial: () => dial(port) }
}

interface Pdu {
  readonly version: number
  readonly type: number
  readonly field: number
  readonly body: Buffer
}

function dial(port: number) {
  const socket = connect({ host: '127.0.0.1', port })
  undo.push(() => socket.destroy())
  let bytes: Buffer = Buffer.alloc(0)
  let ended = false
  let wake = () => {}
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
    wake()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    ended = true
    wake()
  })
  const next = async (): Promise<Pdu | 'closed'> => {
    for (;;) {
      if (bytes.length >= 8 && bytes.length >= bytes.readUInt32BE(4)) {
        const length = bytes.readUInt32BE(4)
        const [pdu, rest] = [bytes.subarray(0, length), bytes.subarray(length)]
        bytes = rest
        return { version: pdu[0]!, type: pdu[1]!, field: pdu.readUInt16BE(2), body: pdu.subarray(8) }
      }
      if (ended) return 'closed'
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  /** Reads until End of Data, or another PDU that ends an answer. */
  const answer = async (): Promise<Pdu[]> => {
    const pdus: Pdu[] = []
    for (;;) {
      const pdu = await next()
      if (pdu === 'closed') return pdus
      pdus.push(pdu)
      if ([7, 8, 10].includes(pdu.type)) return pdus
    }
  }
  const ask = (query: Buffer) => {
    socket.write(query)
    return answer()
  }
  return { socket: socket as Socket, next, answer, ask }
}

const types = (pdus: readonly Pdu[]) => pdus.map(({ type }) => type)
const errorText = ({ body }: Pdu) => body.toString('utf8', 8 + body.readUInt32BE(0))

describe('an RTR server', () => {
  test('sends everything and its timers to a router of version 1', async () => {
    const { dial } = await start()
    const pdus = await dial().ask(resetQuery(1))
    expect(types(pdus)).toEqual([3, 4, 6, 7])
    expect(pdus.every(({ version }) => version === 1)).toBe(true)
    expect([...pdus[1]!.body]).toEqual([1, 24, 24, 0, 192, 0, 2, 0, 0, 0, 0xfb, 0xf4])
    expect(pdus[2]!.body.toString('hex')).toBe('0120300020010db80000000000000000000000000000fbf5')
    expect([0, 4, 8, 12].map((at) => pdus[3]!.body.readUInt32BE(at))).toEqual([1, 3600, 600, 7200])
  })

  test('uses version 0, without timers, with a router of version 0', async () => {
    const { dial } = await start()
    const pdus = await dial().ask(resetQuery(0))
    expect(types(pdus)).toEqual([3, 4, 6, 7])
    expect(pdus.every(({ version }) => version === 0)).toBe(true)
    expect(pdus.at(-1)!.body).toHaveLength(4)
  })

  test('sends a Serial Notify and the changes, also the combined changes of two serials', async () => {
    const { server, dial } = await start({ notifyIntervalMs: 0 })
    const router = dial()
    const [{ field: session }] = (await router.ask(resetQuery(1))) as [Pdu]
    expect(server.update(first)).toBe(false)
    expect(server.update(second)).toBe(true)
    expect(await router.next()).toMatchObject({ type: 0, field: session })
    const changes = await router.ask(serialQuery(1, session, 1))
    expect(changes.map(({ type, body }) => [type, body[0], body[2]])).toEqual([
      [3, undefined, undefined],
      [4, 1, 25],
      [4, 0, 24],
      [7, 0, 0],
    ])
    server.update(first)
    expect(await router.next()).toMatchObject({ type: 0 })
    const none = await router.ask(serialQuery(1, session, 1))
    expect(types(none)).toEqual([3, 7])
    expect(none[1]!.body.readUInt32BE(0)).toBe(3)
  })

  test('sends a Cache Reset to a router of another session, or with an unknown serial', async () => {
    const { dial } = await start()
    const router = dial()
    const [{ field: session }] = (await router.ask(resetQuery(1))) as [Pdu]
    expect(types(await router.ask(serialQuery(1, session, 77)))).toEqual([8])
    expect(types(await router.ask(serialQuery(1, (session + 1) % 65536, 1)))).toEqual([8])
  })

  test('sends at most one Serial Notify a minute', async () => {
    const { server, dial } = await start({ notifyIntervalMs: 60_000 })
    const router = dial()
    const [{ field: session }] = (await router.ask(resetQuery(1))) as [Pdu]
    server.update(second)
    expect(await router.next()).toMatchObject({ type: 0 })
    server.update(first)
    // A second notify would arrive before this answer.
    expect(types(await router.ask(serialQuery(1, session, 3)))).toEqual([3, 7])
  })

  test('sends No Data Available without VRPs, and a Serial Notify when they arrive', async () => {
    const { server, dial } = await start({ vrps: null })
    const router = dial()
    const [report] = await router.ask(resetQuery(1))
    expect(report).toMatchObject({ type: 10, field: 2 })
    server.update(first)
    expect(await router.next()).toMatchObject({ type: 0 })
    expect(types(await router.ask(resetQuery(1)))).toEqual([3, 4, 6, 7])
  })

  test.each<[string, Buffer, number, string]>([
    ['a later version', resetQuery(2), 4, 'version 2 is not supported; use 0 or 1'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 4, 'version 71 is not supported; use 0 or 1'],
    [
      'a PDU that only caches send',
      Buffer.from([1, 7, 0, 0, 0, 0, 0, 8]),
      3,
      'a router does not send PDUs of type 7',
    ],
    ['an unknown type', Buffer.from([1, 99, 0, 0, 0, 0, 0, 8]), 5, 'there is no PDU of type 99'],
    [
      'a length of 4 GB',
      Buffer.from([1, 10, 0, 0, 255, 255, 255, 255]),
      0,
      'a PDU of type 10 is not 4294967295 bytes long',
    ],
    ['a length of 0', Buffer.from([1, 2, 0, 0, 0, 0, 0, 0]), 0, 'a PDU of type 2 is not 0 bytes long'],
  ])('answers %s with an Error Report, and closes the connection', async (_what, bytes, code, text) => {
    const { dial } = await start()
    const router = dial()
    const [report] = await router.ask(bytes)
    expect(report).toMatchObject({ version: 1, type: 10, field: code })
    expect(errorText(report!)).toBe(text)
    expect(await router.next()).toBe('closed')
  })

  test('refuses a change of the version within a session', async () => {
    const { dial } = await start()
    const router = dial()
    await router.ask(resetQuery(1))
    expect((await router.ask(resetQuery(0)))[0]).toMatchObject({ type: 10, field: 8 })
    expect(await router.next()).toBe('closed')
  })

  test('does not answer an Error Report, and closes the connection, also if its length is invalid', async () => {
    const { dial, events } = await start()
    const router = dial()
    router.socket.write(Buffer.from([1, 10, 0, 1, 0, 0, 0, 16, 255, 255, 255, 255, 255, 255, 255, 255]))
    expect(await router.next()).toBe('closed')
    expect(events).toContainEqual({ type: 'error', by: 'router', code: 1, text: '' })
  })

  test('answers queries that arrive in one chunk or byte by byte, in order', async () => {
    const { dial } = await start()
    const router = dial()
    router.socket.write(Buffer.concat([resetQuery(1), resetQuery(1), serialQuery(1, 0, 99)]))
    expect(types(await router.answer())).toEqual([3, 4, 6, 7])
    expect(types(await router.answer())).toEqual([3, 4, 6, 7])
    expect(types(await router.answer())).toEqual([8])
    router.socket.setNoDelay(true)
    for (const byte of resetQuery(1)) router.socket.write(Buffer.of(byte))
    expect(types(await router.answer())).toEqual([3, 4, 6, 7])
  })

  test('closes the connection of a router that reads nothing, and of a client that sends nothing', async () => {
    const many = createVrpSet(
      Array.from({ length: 200_000 }, (_, index) =>
        vrp(`10.${(index >> 8) % 256}.${index % 256}.0/24 ${index + 1}`),
      ),
    )
    const { server, events, dial } = await start({ vrps: many, stallMs: 200, firstQueryMs: 200 })
    const greedy = dial()
    greedy.socket.pause()
    greedy.socket.write(Buffer.concat(Array.from({ length: 50 }, () => resetQuery(1))))
    dial()
    await expect.poll(() => server.connections === 0 && events.length >= 6, { timeout: 20_000 }).toBe(true)
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['stalled', 'silent']))
  })

  test('accepts no more routers than maxConnections', async () => {
    const { dial, events } = await start({ maxConnections: 1 })
    await dial().ask(resetQuery(1))
    expect(await dial().next()).toBe('closed')
    expect(events.map(({ type }) => type)).toContain('refused')
  })

  test('an idle connection is closed to make room for a router', async () => {
    const { dial, events } = await start({ maxConnections: 2 })
    const router = dial()
    await router.ask(resetQuery(1))
    const silent = dial()
    // The server accepts these two in the order of their connections.
    await expect.poll(() => events.filter(({ type }) => type === 'connected').length).toBe(2)
    const answer = await dial().ask(resetQuery(1))
    expect(answer.length).toBeGreaterThan(0)
    expect(await silent.next()).toBe('closed')
    expect(events.map(({ type }) => type)).not.toContain('refused')
    expect((await router.ask(resetQuery(1))).length).toBeGreaterThan(0)
  })
})
