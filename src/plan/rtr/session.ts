import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../clock/clock.ts'
import { countRows } from '../rpki/vrp-changes.ts'
import type { History } from './history.ts'
import {
  cacheReset,
  cacheResponse,
  type ErrorCode,
  endOfData,
  errorCode,
  errorReport,
  prefixPdus,
  type RtrTimers,
  type RtrVersion,
  serialNotify,
} from './pdu.ts'
import { type Query, readQuery } from './query.ts'

/** An event of a router's session, for the log. */
export type RtrEvent =
  | { readonly type: 'connected' | 'refused' | 'closed' | 'stalled' | 'silent' }
  /** `rows` were sent: the whole set or the changes (`what`). */
  | {
      readonly type: 'served'
      readonly what: 'all' | 'changes'
      readonly serial: number
      readonly rows: number
      readonly version: RtrVersion
    }
  /** `by`: the side that reported the error. */
  | { readonly type: 'error'; readonly by: 'us' | 'router'; readonly code: number; readonly text: string }

interface SessionOptions {
  readonly socket: Socket
  readonly history: History
  readonly timers: RtrTimers
  /** By version, for sessions of different versions are different sessions (RFC 8210, section 5.1). */
  readonly sessionIds: readonly [number, number]
  /** A router that reads nothing for this time is disconnected. */
  readonly stallMs: number
  /** A client that sends no query for this time after the connection is disconnected. */
  readonly firstQueryMs: number
  readonly onEvent: (event: RtrEvent) => void
  readonly clock: Clock
}

/** One router. Queries are answered one by one, only as fast as the router reads. */
export class Session {
  readonly #options: SessionOptions
  #version: RtrVersion | null = null
  #unread: Buffer = Buffer.alloc(0)
  #answer: Iterator<Buffer> | null = null
  #notifyPending = false
  #ended = false
  #timer: Timer | null = null

  constructor(options: SessionOptions) {
    this.#options = options
    const { socket, onEvent } = options
    socket.setKeepAlive(true, 30_000)
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('drain', () => this.#send())
    // A reset ends the connection: `close` follows.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#disarm()
      this.#ended = true
      onEvent({ type: 'closed' })
    })
    this.#arm(options.firstQueryMs, 'silent')
  }

  /** Sends a Serial Notify; if an answer is in progress, after it. */
  notify(): void {
    if (this.#version === null || this.#ended) return
    this.#notifyPending = true
    if (this.#answer === null) this.#sendNotify()
  }

  get hasAsked(): boolean {
    return this.#version !== null
  }

  /** Ends a connection without a query, to make room for another. */
  endSilent(): void {
    this.#options.onEvent({ type: 'silent' })
    this.destroy()
  }

  destroy(): void {
    this.#ended = true
    this.#disarm()
    this.#options.socket.destroy()
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk])
    this.#readOn()
  }

  /** One query at a time: later ones wait, and the socket is paused. */
  #readOn(): void {
    while (this.#answer === null && !this.#ended) {
      const reading = readQuery(this.#unread, this.#version)
      if (reading.outcome === 'incomplete') break
      if (reading.outcome === 'refused') {
        this.#refuse(reading.code, reading.problem)
        return
      }
      this.#unread = this.#unread.subarray(reading.length)
      this.#handle(reading.query)
    }
    const { socket } = this.#options
    if (this.#answer === null) socket.resume()
    else socket.pause()
  }

  #handle(query: Query): void {
    const { onEvent } = this.#options
    if (query.type === 'error') {
      // An Error Report is never answered with another (RFC 8210, section 5.11).
      onEvent({ type: 'error', by: 'router', code: query.code, text: query.text.slice(0, 200) })
      this.#end()
      return
    }
    this.#version = query.version
    this.#disarm()
    this.#answer = this.#answerTo(query, query.version)
    this.#send()
  }

  *#answerTo(query: Exclude<Query, { type: 'error' }>, version: RtrVersion): Generator<Buffer> {
    const { history, timers, sessionIds, onEvent } = this.#options
    const session = sessionIds[version]
    const { vrps, serial } = history
    if (vrps === null) {
      yield errorReport(version, errorCode.noDataAvailable, 'there are no VRPs here yet')
      return
    }
    if (query.type === 'reset') {
      yield cacheResponse(version, session)
      yield* prefixPdus(version, vrps.tables, 'announce')
      yield endOfData(version, session, serial, timers)
      onEvent({ type: 'served', what: 'all', serial, rows: vrps.size, version })
      return
    }
    // RFC 8210 ends a session with another session id. Other caches send a Cache Reset instead, which routers
    // support and which avoids a flap of all routes.
    const changes = query.session === session ? history.changesSince(query.serial) : null
    if (changes === null) {
      yield cacheReset(version)
      return
    }
    yield cacheResponse(version, session)
    // Added VRPs first, so that no route that stays valid is invalid meanwhile.
    yield* prefixPdus(version, changes.added, 'announce')
    yield* prefixPdus(version, changes.removed, 'withdraw')
    yield endOfData(version, session, serial, timers)
    onEvent({
      type: 'served',
      what: 'changes',
      serial,
      rows: countRows(changes.added) + countRows(changes.removed),
      version,
    })
  }

  /** Writes until the socket's buffer is full, and goes on when it has drained. */
  #send(): void {
    this.#disarm()
    if (this.#answer === null || this.#ended) return
    const { socket, stallMs } = this.#options
    for (;;) {
      const next = this.#answer.next()
      if (next.done === true) break
      if (!socket.write(next.value)) {
        this.#arm(stallMs, 'stalled')
        return
      }
    }
    this.#answer = null
    if (this.#notifyPending) this.#sendNotify()
    // Not from within #readOn, which continues by itself.
    setImmediate(() => this.#readOn())
  }

  #sendNotify(): void {
    const { socket, history, sessionIds } = this.#options
    this.#notifyPending = false
    if (this.#version !== null) {
      socket.write(serialNotify(this.#version, sessionIds[this.#version], history.serial))
    }
  }

  #refuse(code: ErrorCode, problem: string): void {
    const { socket, onEvent } = this.#options
    onEvent({ type: 'error', by: 'us', code, text: problem })
    socket.write(errorReport(this.#version ?? 1, code, problem, this.#unread.subarray(0, 64)))
    this.#end()
  }

  #end(): void {
    const { socket, stallMs } = this.#options
    this.#ended = true
    this.#unread = Buffer.alloc(0)
    // Read and discard its data, or the reset would overtake the Error Report.
    socket.end()
    socket.resume()
    this.#arm(Math.min(stallMs, 5000), 'closed')
  }

  #arm(ms: number, why: 'silent' | 'stalled' | 'closed'): void {
    this.#disarm()
    this.#timer = this.#options.clock.after(ms, () => {
      if (why !== 'closed') this.#options.onEvent({ type: why })
      this.destroy()
    })
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}
