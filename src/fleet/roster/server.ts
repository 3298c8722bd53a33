import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Follower } from './follower.ts'
import { nodeOf } from './identity.ts'

export interface Credentials {
  /** PEM. The CA that has signed the certificates of all nodes. */
  readonly ca: string
  /** With the subjectAltName of this node. */
  readonly cert: string
  readonly key: string
}

/** Milliseconds. */
const times = { handshake: 5_000, idle: 15_000 }
/** Far above what nodes need: one each, and one more while they connect again. */
const mostConnections = 2_000

const paths = {
  '/anyward.roster.Roster/Follow': 'own',
  '/anyward.roster.Roster/FollowAll': 'all',
} as const

export interface ServerOptions {
  readonly credentials: Credentials
  /** Whose streams are served. */
  readonly nodes: ReadonlySet<string>
  /** The first frame of a stream, with the present states. */
  readonly hello: (what: 'own' | 'all') => Buffer
  /** The frames of all entries that there are now. */
  readonly snapshot: (what: 'own' | 'all') => Iterator<Buffer>
}

/**
 * Serves this node's stream to the nodes of the fleet. It speaks gRPC by itself, and not through the adapter of connect-node
 * 2.1, which throws out of its event listener where a client sends a bad `:authority`, writes errors to
 * stderr, and waits for ever where a connection is lost while it waits for `drain`.
 */
export class RosterServer {
  readonly #options: ServerOptions
  readonly #server: Http2SecureServer
  readonly #sessions = new Set<ServerHttp2Session>()
  /** Also those whose handshake is not complete: any of them would delay the end. */
  readonly #sockets = new Set<Socket>()
  readonly #followers = { own: new Map<string, Follower>(), all: new Map<string, Follower>() }

  constructor(options: ServerOptions) {
    this.#options = options
    const { ca, cert, key } = options.credentials
    this.#server = createSecureServer({
      ...{ ca, cert, key, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' },
      ...{ handshakeTimeout: times.handshake, maxSessionMemory: 10, maxSessionInvalidFrames: 10 },
      settings: { maxConcurrentStreams: 4, maxHeaderListSize: 8192, enablePush: false },
    })
    this.#server.maxConnections = mostConnections
    // A connection that fails before or while it is one is the client's affair.
    for (const event of ['tlsClientError', 'sessionError'] as const) this.#server.on(event, () => {})
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('session', (session) => {
      this.#sessions.add(session)
      session.on('error', () => {})
      session.on('close', () => this.#sessions.delete(session))
      session.setTimeout(times.idle, () => session.destroy())
    })
    this.#server.on('stream', (stream, headers) => this.#serve(stream, headers))
  }

  /** Rejects with the system's error. */
  listen(address: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, address, () => {
        this.#server.off('error', reject)
        this.#server.on('error', () => {})
        resolve()
      })
    })
  }

  get followers(): number {
    return [...this.#each('own'), ...this.#each('all')].length
  }

  /** In order, to those that follow all, or to all. */
  send(frame: Buffer, what: 'own' | 'all'): void {
    for (const follower of this.#listeners(what)) follower.send(frame)
  }

  sendNow(frame: Buffer, what: 'own' | 'all'): void {
    for (const follower of this.#listeners(what)) follower.sendNow(frame)
  }

  keepAlive(frame: Buffer): void {
    for (const follower of this.#listeners('own')) follower.keepAlive(frame)
  }

  /** @param last what a follower hears before its stream ends */
  async close(last: Buffer): Promise<void> {
    for (const follower of this.#listeners('own')) follower.end(last)
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    // Time for the last frame, and no more: a connection that hangs must not hold the controller up.
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy()
      for (const socket of this.#sockets) socket.destroy()
    }, 100)
    for (const session of this.#sessions) session.close()
    await closed
    clearTimeout(timer)
  }

  /** What the node itself says goes to everyone, what others say to those that follow all. */
  #listeners(what: 'own' | 'all'): Follower[] {
    return what === 'own' ? [...this.#each('own'), ...this.#each('all')] : [...this.#each('all')]
  }

  *#each(what: 'own' | 'all'): Generator<Follower> {
    for (const [node, follower] of this.#followers[what]) {
      if (follower.isOver) this.#followers[what].delete(node)
      else yield follower
    }
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', () => {})
    // The request has no fields.
    stream.resume()
    const node = clientOf(stream)
    const what = paths[headers[':path'] as keyof typeof paths]
    if (what === undefined || node === null || !this.#options.nodes.has(node)) {
      const status = what === undefined ? 404 : 403
      stream.respond({ ':status': status }, { endStream: true })
      return
    }
    this.#followers[what].get(node)?.cut()
    stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    const follower = new Follower(node, stream, this.#options.snapshot(what))
    this.#followers[what].set(node, follower)
    follower.sendNow(this.#options.hello(what))
  }
}

function clientOf({ session }: ServerHttp2Stream): string | null {
  const certificate = (session?.socket as TLSSocket | undefined)?.getPeerX509Certificate()
  return certificate === undefined ? null : nodeOf(certificate)
}
