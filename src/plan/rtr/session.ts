import type { Socket } from 'node:net'
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

/** What a router's session came to, for the log. */
export type RtrEvent =
  | { readonly type: 'connected' | 'refused' | 'closed' | 'stalled' | 'silent' }
  /** `rows` were sent; `what` says whether they were the whole set or what changed. */
  | {
      readonly type: 'served'
      readonly what: 'all' | 'changes'
      readonly serial: number
      readonly rows: number
      readonly version: RtrVersion
    }
  /** `by`: who found the other wrong. */
  | { readonly type: 'error'; readonly by: 'us' | 'router'; readonly code: number; readonly text: string }

interface SessionOptions {
  readonly socket: Socket
  readonly history: History
  readonly timers: RtrTimers
  /** By version, for sessions of different versions are different sessions (RFC 8210, section 5.1). */
  readonly sessionIds: readonly [number, number]
  /** A router that takes nothing for so long is given up. */
  readonly stallMs: number
  /** A client that asks nothing for so long after it has connected is no router. */
  readonly firstQueryMs: number
  readonly onEvent: (event: RtrEvent) => void
}

/** One router. It is answered query by query, and only as fast as it reads. */
export class Session {
  readonly #options: SessionOptions
  #version: RtrVersion | null = null
  #unread: Buffer = Buffer.alloc(0)
  #answer: Iterator<Buffer> | null = null
  #notifyPending = false
  #ended = false
  #timer: NodeJS.Timeout | null = null

  constructor(options: SessionOptions) {
    this.#options = options
    const { socket, onEvent } = options
    socket.setKeepAlive(true, 30_000)
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('drain', () => this.#send())
    // A reset is a way to say goodbye: `close` follows.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#disarm()
      this.#ended = true
      onEvent({ type: 'closed' })
    })
    this.#arm(options.firstQueryMs, 'silent')
  }

  /** Tells the router that there is news, unless it is being answered just now: then afterwards. */
  notify(): void {
    if (this.#version === null || this.#ended) return
    this.#notifyPending = true
    if (this.#answer === null) this.#sendNotify()
  }

  get hasAsked(): boolean {
    return this.#version !== null
  }

  /** Ends a connection that has not asked, to make room for another. */
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

  /** One query at a time: what came after it waits, and the socket reads no more. */
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
    // RFC 8210 would have a session of another id ended. A Cache Reset, which mends it without a flap of all
    // routes, is what other caches answer, and what routers know.
    const changes = query.session === session ? history.changesSince(query.serial) : null
    if (changes === null) {
      yield cacheReset(version)
      return
    }
    yield cacheResponse(version, session)
    // What is new first: nothing that was valid and will be is invalid between the two.
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
    // Not from within #readOn, which goes on by itself.
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
    // What it still says is read and forgotten, or the reset would overtake the Error Report.
    socket.end()
    socket.resume()
    this.#arm(Math.min(stallMs, 5000), 'closed')
  }

  #arm(ms: number, why: 'silent' | 'stalled' | 'closed'): void {
    this.#disarm()
    this.#timer = setTimeout(() => {
      if (why !== 'closed') this.#options.onEvent({ type: why })
      this.destroy()
    }, ms)
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
