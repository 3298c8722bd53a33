import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { hostname } from 'node:os'
import { Access, noAccess } from './access/access.ts'
import { encrypt } from './access/tls-server.ts'
import { Connections, type ConnectionTimes } from './connections.ts'
import { isFromOtherSite, isOrderFromOtherSite, isOwnHost } from './host-name.ts'
import { LiveStreams } from './page/live-streams.ts'
import { jsonReply, type Reply, type Route } from './route.ts'

export interface HttpLimits extends ConnectionTimes {
  /** Open connections at a time. */
  readonly maxConnections: number
  readonly maxHeaderBytes: number
  readonly maxBodyBytes: number
}

export const defaultLimits: HttpLimits = {
  maxConnections: 32,
  requestMs: 3000,
  answerMs: 5000,
  readMs: 3000,
  maxHeaderBytes: 8192,
  maxBodyBytes: 4096,
}

interface HttpServerOptions {
  readonly routes: readonly Route[]
  /** `owner`: of a Unix socket, who may do everything. `anyone`: TCP, where `gate` decides, and `Host` is checked. */
  readonly access: 'anyone' | 'owner'
  /** Left out: this machine reads, others read what is for strangers, and no order is taken. */
  readonly gate?: Access
  readonly limits?: Partial<HttpLimits>
  /** By path. */
  readonly streams?: ReadonlyMap<string, LiveStreams>
  /** Runs for each connection and each request, before any other work on it. */
  readonly onWork?: () => void
}

/**
 * A small HTTP server: one request per connection, JSON or text. Whatever a client does costs a bounded amount of
 * time and memory. `close` also ends the open connections.
 */
export function createHttpServer(options: HttpServerOptions): Server {
  const limits = { ...defaultLimits, ...options.limits }
  const connections = new Connections({ most: limits.maxConnections, times: limits })
  const routes = new Map(
    options.routes
      .filter(({ access }) => options.access === 'owner' || access !== 'owner')
      .map((route) => [route.path, { ...route, answer: shareAnswer(route) }]),
  )
  const { onWork = () => {}, streams = new Map<string, LiveStreams>() } = options
  const gate = options.gate ?? new Access({ settings: noAccess })
  const server = createServer(
    {
      maxHeaderSize: limits.maxHeaderBytes,
      // The connections' own times end before these. Node would look at them each 30 s only.
      headersTimeout: limits.requestMs,
      requestTimeout: limits.requestMs + limits.answerMs,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => {
      onWork()
      const { socket } = request
      // Pipelined requests that came with the first one.
      if (!connections.takeRequest(socket)) return
      response.shouldKeepAlive = false
      // Nothing after the request is read. The route reads the body.
      if (request.method === 'POST') request.once('end', () => stopReading(socket))
      else stopReading(socket)
      void answer(request)
        .catch(() => jsonReply(500, { error: 'the request failed: see the log' }))
        .then((found) => {
          if (found instanceof LiveStreams) {
            if (found.add(response, safety)) return connections.release(socket)
          }
          connections.answer(socket)
          send(response, found instanceof LiveStreams ? allInUse : found)
        })
    },
  )
  // Node answers these by itself, and keeps the connection: any number of them would cost no `onWork`.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  server.on('connection', (socket) => {
    onWork()
    connections.add(socket)
  })
  if (gate.hasTls)
    gate.serve(encrypt(server, connections, { asksClient: gate.asksClient, handshakeMs: limits.requestMs }))
  const close = server.close.bind(server)
  server.close = (callback) => {
    close(callback)
    connections.endAll()
    for (const live of streams.values()) live.endAll()
    return server
  }

  const answer = async (request: IncomingMessage): Promise<Reply | LiveStreams> => {
    const isTcp = options.access === 'anyone'
    const { headers } = request
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const isOwnName = (name: string) =>
      name === hostname().toLowerCase() || ('encrypted' in request.socket && gate.isCertified(name))
    if (isTcp && !isOwnHost(headers.host, isOwnName)) {
      return jsonReply(421, {
        error: `the Host header does not name this machine: use an address, localhost or ${hostname()}`,
      })
    }
    if (isTcp && (method === 'GET' ? isFromOtherSite(headers) : isOrderFromOtherSite(headers))) {
      return jsonReply(403, { error: 'this is for no page of another site' })
    }
    const path = (request.url ?? '/').split('?')[0]!
    const route = routes.get(path)
    if (method !== 'GET' && method !== 'POST') {
      return jsonReply(405, { error: 'only GET and POST are answered here' })
    }
    if (route === undefined) {
      return jsonReply(404, { error: `the paths are ${[...routes.keys()].join(', ')}` })
    }
    if (method !== route.method) return jsonReply(405, { error: `${path} takes ${route.method}` })
    const admission = isTcp ? gate.admit(request, route) : { by: null }
    if ('refusal' in admission) return admission.refusal
    const live = streams.get(path)
    if (live !== undefined) {
      return request.method === 'GET' ? live : jsonReply(405, { error: `${path} is a stream, for GET` })
    }
    if (method === 'GET') return route.answer(undefined, admission.by)
    if (isTcp && !/^application\/json\s*(?:;|$)/i.test(headers['content-type'] ?? '')) {
      return jsonReply(415, { error: 'an order is of the type application/json' })
    }
    if (Number(headers['content-length']) > limits.maxBodyBytes) {
      return jsonReply(413, { error: `a request has at most ${limits.maxBodyBytes} bytes` })
    }
    return route.answer(await readJson(request, limits.maxBodyBytes), admission.by)
  }
  return server
}

/** For every answer. The page loads what is served beside it, and nothing else; no other page can show or read it. */
const safety = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
} as const

const allInUse = jsonReply(503, { error: 'all streams are in use: ask for /state instead' })

/** For good: Node resumes a socket by itself once it has parsed a whole request, also one that was paused meanwhile. */
function stopReading(socket: Socket): void {
  socket.on('resume', () => socket.pause())
  socket.pause()
}

/** Listens on `address:port`, `[address]:port` or a path. Rejects with the system's error. */
export async function listen(server: Server, where: string): Promise<void> {
  const tcp = /^(?:\[([^\]]+)\]|([^:/]+)):(\d+)$/.exec(where)
  const backlog = 64
  if (tcp) server.listen({ host: tcp[1] ?? tcp[2]!, port: Number(tcp[3]), backlog })
  else server.listen({ path: where, backlog })
  await once(server, 'listening')
}

/** Requests that wait at the same time, or come soon after an answer, share it. */
function shareAnswer({
  method,
  shareMs,
  answer,
}: Route): (body: unknown, by: string | null) => Promise<Reply> {
  if (method !== 'GET') return async (body, by) => answer(body, by)
  let shared: Promise<Reply> | null = null
  return () => {
    if (shared !== null) return shared
    const present = (async () => answer(undefined, null))()
    const forget = () => {
      shared = null
    }
    shared = present
    present.then(() => setTimeout(forget, shareMs).unref(), forget)
    return present
  }
}

async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > maxBytes) return undefined
    chunks.push(chunk as Buffer)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    return undefined
  }
}

function send(response: ServerResponse, { code, contentType, body }: Reply): void {
  response.writeHead(code, {
    ...safety,
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}
