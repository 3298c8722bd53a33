import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { METHODS } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { Access } from '../../../src/control/access/access.ts'
import { createToken, lineOf } from '../../../src/control/access/tokens.ts'
import { createHttpServer, listen } from '../../../src/control/http-server.ts'
import { LiveStreams } from '../../../src/control/page/live-streams.ts'
import { namedOrderRoute, orderRoute, viewRoutes } from '../../../src/control/program-routes.ts'
import { jsonReply, type Route } from '../../../src/control/route.ts'

const token = createToken()
const paths = [
  '/order',
  '/order',
  '/',
  '/status',
  '/live',
  '/state',
  '/healthz',
  '/metrics',
  '/operator',
  '/fault',
  '/page.js',
]
const line = fc.string({ unit: 'binary-ascii', maxLength: 40 }).map((text) => text.replace(/[\r\n]/g, ''))
const path = fc.oneof(
  fc.constantFrom(...paths),
  fc.tuple(fc.constantFrom(...paths), line).map((parts) => parts.join('')),
  fc.constantFrom(
    '/../../etc/passwd',
    '/%2e%2e/page.js',
    '//live',
    '*',
    'http://evil.example/',
    '/live?a=b',
    '',
  ),
  line,
)
const header = fc.oneof(
  fc.constantFrom(
    ...[
      'Host: evil.example',
      'Host: localhost',
      'Host:',
      'Sec-Fetch-Site: cross-site',
      'Connection: keep-alive',
    ],
    ...[
      'Content-Length: 99999999',
      'Content-Length: -1',
      'Transfer-Encoding: chunked',
      'Expect: 100-continue',
    ],
    ...[
      'Upgrade: websocket',
      'Connection: upgrade',
      'Range: bytes=0-',
      'Origin: null',
      'Accept: */*',
      'TE: x',
    ],
  ),
  fc.tuple(line, line).map((parts) => parts.join(': ')),
  fc.constantFrom(
    ...[
      'Content-Type: application/json',
      'Content-Type: application/json; charset=x',
      'Content-Type: text/plain',
    ],
    ...[`Authorization: Bearer ${token}`, `Authorization: bearer ${token}`, 'Authorization: Bearer x'],
    ...['Authorization: Basic eDp5', 'Origin: http://localhost', 'Sec-Fetch-Site: same-origin'],
  ),
  line.map((text) => `Authorization: Bearer ${text}`),
  fc.constant(`X: ${'x'.repeat(9000)}`),
)
const body = fc.oneof(
  fc.constantFrom('{"intent":"serve","forMs":1e999}', '{"intent":"drain","__proto__":{"by":"x"}}'),
  fc.json().map((text) => text.slice(0, 6000)),
  fc.constantFrom('', '{"intent":"withdraw"}', '{"version":1,"intent":"drain"}', '5\r\nhello\r\n0\r\n\r\n'),
  line,
)
const request = fc.oneof(
  fc
    .record({
      method: fc.oneof(fc.constantFrom('GET', 'HEAD', 'POST'), fc.constantFrom(...METHODS), line),
      path,
      version: fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9', ''),
      headers: fc.array(header, { maxLength: 5 }),
      body,
      hangsUp: fc.boolean(),
    })
    .map(({ method, path, version, headers, body, hangsUp }) => ({
      bytes: Buffer.from(`${[`${method} ${path} ${version}`, ...headers].join('\r\n')}\r\n\r\n${body}`),
      hangsUp,
    })),
  // Almost an order.
  fc
    .record({
      authorization: fc.oneof(fc.constant(token), line),
      headers: fc.array(header, { maxLength: 2 }),
      body,
      hangsUp: fc.boolean(),
    })
    .map(({ authorization, headers, body, hangsUp }) => {
      const known = [
        ...['POST /order HTTP/1.1', 'Host: localhost', 'Content-Type: application/json'],
        ...[`Authorization: Bearer ${authorization}`, `Content-Length: ${Buffer.byteLength(body)}`],
      ]
      return { bytes: Buffer.from(`${[...known, ...headers].join('\r\n')}\r\n\r\n${body}`), hangsUp }
    }),
  fc.record({
    bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    hangsUp: fc.boolean(),
  }),
)

test.each(['anyone', 'owner'] as const)(
  'whatever is sent to the server for %s, it keeps answering, keeps its secrets and leaves nothing open',
  async (access) => {
    const orders: unknown[] = []
    const named: unknown[] = []
    const common = { method: 'GET', access: 'anyone', shareMs: 0 } as const
    const routes: Route[] = [
      ...viewRoutes({
        isWorking: () => true,
        status: () => ({ node: 'fra1-a' }),
        metrics: async () => ({ contentType: 'text/plain', body: 'anyward_health 1\n' }),
      }),
      orderRoute(async (order) => orders.push(order)),
      namedOrderRoute(async (order) => named.push(order)),
      { ...common, path: '/live', answer: () => jsonReply(200, 'state') },
      { ...common, path: '/fault', answer: () => Promise.reject(new Error('a secret')) },
      {
        ...common,
        path: '/',
        answer: () => ({ code: 200, contentType: 'text/html', body: '<!doctype html>' }),
      },
    ]
    const live = new LiveStreams({ ask: async () => jsonReply(200, 'state'), everyMs: 10, lifeMs: 100 })
    const dir = await mkdtemp(join(tmpdir(), 'anyward-test-'))
    await writeFile(join(dir, 'tokens'), lineOf('ada', token), { mode: 0o600 })
    const gate = new Access({ settings: { tokensFile: join(dir, 'tokens'), tls: null, open: false } })
    await gate.start()
    const server = createHttpServer({
      ...{ routes, access, gate, limits: { requestMs: 100, answerMs: 200, readMs: 200 } },
      ...(access === 'anyone' && { streams: new Map([['/live', live]]) }),
    })
    onTestFinished(async () => {
      gate.stop()
      server.close()
      await rm(dir, { recursive: true })
    })
    const where = join(dir, 'socket')
    await listen(server, where)

    const send = async ({ bytes, hangsUp }: { bytes: Buffer; hangsUp: boolean }) => {
      const socket = connect(where)
      let text = ''
      socket.on('data', (chunk) => {
        text += String(chunk)
      })
      socket.on('error', () => {})
      const closed = new Promise((resolve) => socket.once('close', resolve))
      if (hangsUp) socket.end(bytes)
      else socket.write(bytes)
      await closed
      return text
    }
    // Later, too many tokens were wrong.
    const order = '{"intent":"drain"}'
    const head = `POST /order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${order.length}`
    await send({
      bytes: Buffer.from(`${head}\r\nAuthorization: Bearer ${token}\r\n\r\n${order}`),
      hangsUp: false,
    })
    expect(named).toHaveLength(1)
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 20, maxLength: 20 }), async (requests) => {
        for (const text of await Promise.all(requests.map(send))) {
          expect(text).not.toContain('secret')
          // Neither the token nor its hash.
          expect(text).not.toContain(token)
          expect(text).not.toContain(lineOf('', token).trim())
          if (text === '') continue
          const code = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]
          expect([
            '100',
            '200',
            '400',
            '401',
            '403',
            '404',
            '405',
            '408',
            '413',
            '415',
            '417',
            '421',
            '429',
            '431',
            '500',
            '503',
            '505',
          ]).toContain(code)
          // Node refuses by itself what is not HTTP.
          if (!/^HTTP\/1\.1 (?:100|400|408|413|417|431|505) /.test(text)) {
            expect(text).toContain("content-security-policy: default-src 'none'; script-src 'self';")
            expect(text).toContain('x-content-type-options: nosniff')
          }
        }
      }),
      { numRuns: 40 },
    )
    if (access === 'anyone') expect(orders).toEqual([])
    for (const order of named) {
      // The socket's owner has no token; over TCP it needs one.
      expect(order).toMatchObject({
        by: access === 'anyone' ? 'ada' : null,
        intent: expect.stringMatching(/^(?:serve|drain)$/),
      })
      expect(order).not.toHaveProperty('forcedBy')
    }
    const socket = connect(where)
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toContain('200 OK')
    socket.destroy()
    const count = promisify(server.getConnections.bind(server))
    while ((await count()) > 0 || live.count > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  },
  60_000,
)
