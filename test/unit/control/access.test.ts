import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Access, type AccessSettings } from '../../../src/control/access/access.ts'
import { createToken, lineOf, readTokens } from '../../../src/control/access/tokens.ts'
import { createHttpServer, listen } from '../../../src/control/http-server.ts'
import { namedOrderRoute, orderRoute, viewRoutes } from '../../../src/control/program-routes.ts'

const outside = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.internal === false && one.family === 'IPv4')?.address

let folder: string
const file = (name: string) => join(folder, name)
const token = createToken()
const orders: unknown[] = []
const wrong: string[] = []
const looks: { orders: boolean; problem: string | null }[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyward-access-'))
  for (const [name, ca, subject] of [
    ['server', 'server', '/CN=node.example'],
    ['clients', 'clients', '/CN=clients'],
    ['ada', 'clients', '/CN=ada'],
    ['stranger', 'stranger', '/CN=ada'],
  ] as const) {
    const by = name === ca ? [] : ['-CA', file(`${ca}.crt`), '-CAkey', file(`${ca}.key`)]
    await execa('openssl', [
      ...['req', '-x509', '-newkey', 'ed25519', '-nodes', '-days', '9', '-subj', subject, ...by],
      ...['-addext', `subjectAltName=DNS:node.example,IP:${outside ?? '192.0.2.1'}`],
      ...['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)],
    ])
  }
}, 60_000)
beforeEach(() => {
  for (const list of [orders, wrong, looks]) list.splice(0)
})
afterAll(() => rm(folder, { recursive: true }))

const routes = [
  ...viewRoutes({
    isWorking: () => true,
    status: () => ({ node: 'fra1-a' }),
    metrics: async () => ({ contentType: 'text/plain', body: 'anyward_health 1\n' }),
  }),
  orderRoute(async () => expect.unreachable()),
  namedOrderRoute(async (order) => {
    orders.push(order)
    return { node: 'fra1-a' }
  }),
]

interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The name of the client's certificate. */
  readonly as?: string
  readonly isPlain?: boolean
}

/** A server at that address, which is asked and ends. */
async function withServer<T>(
  address: string,
  settings: Partial<AccessSettings>,
  use: (ask: (asked: Asked) => Promise<{ code: number; text: string }>, port: number) => Promise<T>,
): Promise<T> {
  const gate = new Access({
    settings: { tokensFile: null, tls: null, open: false, ...settings },
    onLook: (found) => looks.push(found),
    onWrongToken: (from) => wrong.push(from),
  })
  const server = createHttpServer({ routes, access: 'anyone', gate })
  await gate.start()
  await listen(server, `${address}:0`)
  const { port } = server.address() as AddressInfo
  const ask = async ({ method = 'GET', path = '/status', headers = {}, body, as, isPlain }: Asked) => {
    const isSecure = settings.tls != null && address !== '127.0.0.1' && !isPlain
    const own =
      as === undefined ? [] : await Promise.all([file(`${as}.crt`), file(`${as}.key`)].map(readText))
    const options = {
      ...{ host: address, port, method, path, headers, agent: false },
      ...(isSecure && { ca: await readText(file('server.crt')), servername: 'node.example' }),
      ...(own.length > 0 && { cert: own[0], key: own[1] }),
    }
    const outgoing = (isSecure ? requestHttps : requestHttp)(options)
    outgoing.end(body)
    const [response] = await once(outgoing, 'response')
    let text = ''
    for await (const chunk of response) text += String(chunk)
    return { code: response.statusCode as number, text }
  }
  try {
    return await use(ask, port)
  } finally {
    gate.stop()
    server.close()
  }
}

const readText = (path: string) => readFile(path, 'utf8')

const withTokens = async () => {
  await writeFile(file('tokens'), `# who may order\n${lineOf('ada', token)}\n`, { mode: 0o600 })
  return { tokensFile: file('tokens') }
}
const bearer = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
const order = {
  method: 'POST',
  path: '/order',
  headers: bearer,
  body: '{"intent":"drain","reason":"new disk"}',
}

describe('an order over TCP', () => {
  test('is taken with a token, whose name says who orders', async () => {
    await withServer('127.0.0.1', await withTokens(), async (ask) => {
      expect(await ask(order)).toEqual({ code: 200, text: '{"node":"fra1-a"}\n' })
      const origin = { 'sec-fetch-site': 'same-origin', host: 'localhost:1', origin: 'http://localhost:1' }
      expect((await ask({ ...order, headers: { ...bearer, ...origin } })).code).toBe(200)
    })
    expect(orders[0]).toEqual({ intent: 'drain', reason: 'new disk', forMs: null, by: 'ada' })
    expect(orders).toHaveLength(2)
  })

  test.each<[string, number, Partial<Asked>]>([
    ['no token', 401, { headers: { 'content-type': 'application/json' } }],
    ['a wrong token', 401, { headers: { ...bearer, authorization: `Bearer ${createToken()}` } }],
    [
      'the hash as the token',
      401,
      { headers: { ...bearer, authorization: `Bearer ${lineOf('a', token).slice(2)}` } },
    ],
    ['another scheme', 401, { headers: { ...bearer, authorization: `Basic ${btoa(`ada:${token}`)}` } }],
    ['GET', 405, { method: 'GET', body: '' }],
    ['PUT', 405, { method: 'PUT' }],
    ['the path of the owner', 404, { path: '/operator' }],
    ['a form', 415, { headers: { ...bearer, 'content-type': 'application/x-www-form-urlencoded' } }],
    ['text, which needs no preflight', 415, { headers: { ...bearer, 'content-type': 'text/plain' } }],
    ['no content type', 415, { headers: { authorization: bearer.authorization } }],
    ['the origin of another site', 403, { headers: { ...bearer, origin: 'https://evil.example' } }],
    ['the origin of a file', 403, { headers: { ...bearer, origin: 'null' } }],
    ['a page of another site', 403, { headers: { ...bearer, 'sec-fetch-site': 'cross-site' } }],
    ['a page of another port', 403, { headers: { ...bearer, 'sec-fetch-site': 'same-site' } }],
    [
      'a form of another site that navigates',
      403,
      {
        headers: {
          ...bearer,
          'sec-fetch-site': 'cross-site',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-dest': 'document',
        },
      },
    ],
    ['the Host of another site', 421, { headers: { ...bearer, host: 'evil.example' } }],
    ['a name of the certificate, without TLS', 421, { headers: { ...bearer, host: 'node.example' } }],
    ['an order that only the owner may give', 400, { body: '{"intent":"withdraw"}' }],
    ['an order without a permit', 400, { body: '{"intent":"drain","forcedBy":"ada"}' }],
    ['the name of another', 400, { body: '{"intent":"drain","by":"bob"}' }],
    ['a long reason', 400, { body: JSON.stringify({ intent: 'drain', reason: 'x'.repeat(501) }) }],
    ['a long body', 413, { body: JSON.stringify({ intent: 'drain', reason: 'x'.repeat(5000) }) }],
    ['nothing', 400, { body: '' }],
  ])('is refused with %s: %i', async (_, code, change) => {
    await withServer('127.0.0.1', await withTokens(), async (ask) => {
      const reply = await ask({ ...order, ...change })
      expect(reply.code, reply.text).toBe(code)
      expect(reply.text).not.toContain(token)
    })
    expect(orders).toEqual([])
  })

  test('is refused where there is no file of tokens, with the cure', async () => {
    await withServer('127.0.0.1', {}, async (ask) => {
      const { code, text } = await ask(order)
      expect(code).toBe(403)
      expect(text).toContain('controller.tokensFile')
      expect(text).toContain('anyward drain')
    })
    expect(orders).toEqual([])
  })

  test('is refused after ten wrong tokens, which are logged by their address; reading goes on', async () => {
    await withServer('127.0.0.1', await withTokens(), async (ask) => {
      for (let at = 0; at < 10; at += 1) {
        expect((await ask({ ...order, headers: { ...bearer, authorization: `Bearer ${at}` } })).code).toBe(
          401,
        )
      }
      expect((await ask(order)).code).toBe(429)
      expect((await ask({})).code).toBe(200)
    })
    expect(wrong).toEqual(Array.from({ length: 10 }, () => '127.0.0.1'))
    expect(orders).toEqual([])
  })
})

describe('the file of tokens', () => {
  test.each([
    ['others can read it', 0o644, 'chmod 600'],
    ['others can write it', 0o602, 'chmod 600'],
  ])('is not used where %s', async (_, mode, cure) => {
    const settings = await withTokens()
    await chmod(file('tokens'), mode)
    await withServer('127.0.0.1', settings, async (ask) => {
      expect((await ask(order)).code).toBe(403)
      expect((await ask({})).code).toBe(200)
    })
    expect(looks).toHaveLength(1)
    expect(looks[0]).toMatchObject({ orders: false })
    expect(looks[0]!.problem).toContain(cure)
    await chmod(file('tokens'), 0o600)
  })

  test.skipIf(process.geteuid!() !== 0)('is not used where another user owns it', async () => {
    const settings = await withTokens()
    await execa('chown', ['65534', file('tokens')])
    await withServer('127.0.0.1', settings, async (ask) => expect((await ask(order)).code).toBe(403))
    expect(looks[0]!.problem).toContain('uid 65534')
    await rm(file('tokens'))
  })

  test('is not used where it is a folder or missing, and the problem names it', async () => {
    for (const path of [folder, file('absent')]) {
      looks.splice(0)
      await withServer('127.0.0.1', { tokensFile: path }, async (ask) =>
        expect((await ask(order)).code).toBe(403),
      )
      expect(looks[0]!.problem).toContain(path)
    }
  })

  test('is read again when it changes: a token that is removed is refused', async () => {
    await withServer('127.0.0.1', await withTokens(), async (ask) => {
      await writeFile(file('tokens'), lineOf('bob', createToken()))
      const deadline = performance.now() + 20_000
      while ((await ask({ ...order, body: '{}' })).code !== 401)
        expect(performance.now()).toBeLessThan(deadline)
    })
  }, 30_000)

  test('with a line that is none says which, without the line, and the others count', () => {
    const { tokens, problem } = readTokens(`ada secret\n\n${lineOf('bob', 'x')}\r\n`)
    expect(tokens.map(({ name }) => name)).toEqual(['bob'])
    expect(problem).toContain('line 1')
    expect(problem).not.toContain('secret')
  })
})

describe.skipIf(outside === undefined)('another machine', () => {
  const tls = () => ({
    certFile: file('server.crt'),
    keyFile: file('server.key'),
    clientCaFile: file('clients.crt'),
  })

  test('without TLS gets what is for strangers, and no token is taken', async () => {
    await withServer(outside!, await withTokens(), async (ask) => {
      for (const path of ['/healthz', '/metrics']) expect((await ask({ path })).code).toBe(200)
      for (const asked of [{}, { headers: bearer }, order]) {
        const { code, text } = await ask(asked)
        expect(code).toBe(401)
        expect(text).toContain('TLS')
      }
    })
    expect(orders).toEqual([])
    expect(wrong).toEqual([])
  })

  test('reads everything where the network is said to be open, and gives no order', async () => {
    await withServer(outside!, { ...(await withTokens()), open: true }, async (ask) => {
      expect((await ask({})).code).toBe(200)
      expect((await ask(order)).code).toBe(401)
    })
  })

  test('over TLS reads with a token or a certificate, and orders with a token alone', async () => {
    await withServer(outside!, { ...(await withTokens()), tls: tls() }, async (ask) => {
      expect((await ask({ path: '/healthz' })).code).toBe(200)
      expect((await ask({})).code).toBe(401)
      expect((await ask({ headers: bearer })).code).toBe(200)
      expect((await ask({ headers: { authorization: 'Bearer x' } })).code).toBe(401)
      expect((await ask({ as: 'ada' })).code).toBe(200)
      expect((await ask({ as: 'stranger' })).code).toBe(401)
      expect((await ask({ ...order, headers: { 'content-type': 'application/json' }, as: 'ada' })).code).toBe(
        401,
      )
      expect((await ask({ headers: { ...bearer, host: 'node.example' } })).code).toBe(200)
      expect((await ask({ headers: { ...bearer, host: 'evil.example' } })).code).toBe(421)
      expect((await ask(order)).code).toBe(200)
      await expect(ask({ path: '/healthz', isPlain: true })).rejects.toThrow()
    })
    expect(orders).toHaveLength(1)
  })

  test('gets the new certificate after a renewal', async () => {
    await withServer(
      outside!,
      { ...(await withTokens()), tls: { ...tls(), certFile: file('own.crt') } },
      async (ask) => {
        await expect(ask({ path: '/healthz' })).rejects.toThrow()
        await writeFile(file('own.crt'), await readText(file('server.crt')))
        const deadline = performance.now() + 20_000
        while ((await ask({ path: '/healthz' }).catch(() => null))?.code !== 200)
          expect(performance.now()).toBeLessThan(deadline)
      },
    )
    expect(looks[0]!.problem).toContain('own.crt')
    expect(looks.at(-1)).toEqual({ orders: true, problem: null })
  }, 30_000)

  test('that opens connections and begins no handshake does not keep others out', async () => {
    await withServer(outside!, { ...(await withTokens()), tls: tls() }, async (ask, port) => {
      const idle = Array.from({ length: 40 }, () => connect(port, outside!).on('error', () => {}))
      await Promise.all(idle.slice(0, 1).map((socket) => once(socket, 'connect')))
      expect((await ask({ path: '/healthz' })).code).toBe(200)
      // The oldest gave way, and the others are cut off when they stay idle.
      await Promise.all(idle.map(async (socket) => socket.destroyed || once(socket, 'close')))
    })
  }, 30_000)
})
