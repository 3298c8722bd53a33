import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2'

/** A connection that has been silent for so long is verified by a PING before its next request. */
const defaultSilentForMs = 10_000

/**
 * A connection to a member, opened again when a request needs it. It replaces the manager of connect-node 2.1, which ends the
 * process: it stops listening for errors when it gives a connection up, and the error of a late PING comes after that; and it
 * sends PINGs on closed connections (connect-es issue 1795).
 */
export class Connection {
  readonly authority: string
  readonly #options: SecureClientSessionOptions
  readonly #silentForMs: number
  #session: ClientHttp2Session | null = null
  /** By the monotonic clock. */
  #heardAtMs = 0

  constructor(url: string, options: SecureClientSessionOptions, silentForMs = defaultSilentForMs) {
    this.authority = new URL(url).origin
    this.#options = options
    this.#silentForMs = silentForMs
  }

  /** `null`: a request can be sent. Otherwise why not; never rejects. */
  async connect(withinMs: number): Promise<string | null> {
    const session = this.#open()
    const signal = AbortSignal.timeout(Math.max(0, Math.ceil(withinMs)))
    try {
      if (session.connecting) await once(session, 'connect', { signal })
      else if (performance.now() - this.#heardAtMs > this.#silentForMs) await this.#verify(session, signal)
      // A connection that was given up may still report that it is there.
      return session.destroyed ? given : null
    } catch (error) {
      giveUp(session)
      return signal.aborted ? 'no connection in time' : (error as Error).message
    }
  }

  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: object,
  ): Promise<ClientHttp2Stream> {
    const stream = this.#open().request({ ...headers, ':method': method, ':path': path }, options)
    stream.on('error', () => {})
    stream.once('response', () => this.notifyResponseByteRead(stream))
    return stream
  }

  notifyResponseByteRead({ session }: ClientHttp2Stream): void {
    if (session === this.#session) this.#heardAtMs = performance.now()
  }

  /** Ends its requests. The next one opens another connection. */
  abort(): void {
    if (this.#session !== null) giveUp(this.#session)
  }

  #open(): ClientHttp2Session {
    const known = this.#session
    if (known !== null && !known.closed && !known.destroyed) return known
    const session = connect(this.authority, this.#options)
    // It stays until the session is collected: an error may come after everything else.
    session.on('error', () => {})
    session.once('connect', () => {
      if (session === this.#session) this.#heardAtMs = performance.now()
    })
    session.once('goaway', () => session.close())
    this.#session = session
    return session
  }

  #verify(session: ClientHttp2Session, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      const sent = session.ping((error: Error | null) => {
        if (error !== null) return reject(error)
        this.#heardAtMs = performance.now()
        resolve()
      })
      if (!sent) reject(new Error('the connection answers no PING'))
    })
  }
}

const given = 'the connection was given up'

/** Its requests fail. */
function giveUp(session: ClientHttp2Session): void {
  session.destroy(new Error(given), constants.NGHTTP2_CANCEL)
}
