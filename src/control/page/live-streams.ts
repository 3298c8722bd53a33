import type { ServerResponse } from 'node:http'
import type { Reply } from '../route.ts'

interface StreamLimits {
  /** Open streams at a time. */
  readonly most: number
  /** At least this long between two questions: several changes are one message. */
  readonly leastGapMs: number
  /** A message at least this often. */
  readonly everyMs: number
  /** A reader that has not taken a message by then is cut off. */
  readonly drainMs: number
  /** Then the client has to connect again: a connection whose other end is gone does not stay. */
  readonly lifeMs: number
}

const defaultLimits: StreamLimits = {
  most: 8,
  leastGapMs: 100,
  everyMs: 1000,
  drainMs: 5000,
  lifeMs: 300_000,
}

interface LiveOptions extends Partial<StreamLimits> {
  /** The present state. Runs once for all streams, and only while one is open. */
  readonly ask: () => Promise<Reply>
  /** Runs before each message is written. */
  readonly onWork?: () => void
}

interface Stream {
  /** It has not taken the message before. */
  isBlocked: boolean
  /** The message that it has not been sent, because it was blocked. */
  next: string | null
  drain: NodeJS.Timeout | null
  readonly life: NodeJS.Timeout
}

/**
 * Server-sent events: each message is the whole present state, so that a slow reader misses only older ones. A reader
 * costs the memory of one message.
 */
export class LiveStreams {
  readonly #limits: StreamLimits
  readonly #ask: () => Promise<Reply>
  readonly #onWork: () => void
  readonly #open = new Map<ServerResponse, Stream>()
  #timer: NodeJS.Timeout | null = null
  #isAsking = false
  #hasChanged = false
  #askedAt = Number.NEGATIVE_INFINITY

  constructor({ ask, onWork = () => {}, ...limits }: LiveOptions) {
    this.#ask = ask
    this.#onWork = onWork
    this.#limits = { ...defaultLimits, ...limits }
  }

  get count(): number {
    return this.#open.size
  }

  /** Returns whether it takes the response, which is a stream then. */
  add(response: ServerResponse, headers: Readonly<Record<string, string>>): boolean {
    if (this.#open.size >= this.#limits.most || response.destroyed) return false
    const stream: Stream = {
      ...{ isBlocked: false, next: null, drain: null },
      life: setTimeout(() => this.#end(response), this.#limits.lifeMs),
    }
    this.#open.set(response, stream)
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
    response.flushHeaders()
    response.on('error', () => {})
    response.once('close', () => this.#forget(response))
    response.on('drain', () => {
      if (stream.drain !== null) clearTimeout(stream.drain)
      stream.isBlocked = false
      const { next } = stream
      stream.next = null
      if (next !== null) this.#send(response, stream, next)
    })
    this.changed()
    return true
  }

  /** The state has changed. */
  changed(): void {
    if (this.#open.size === 0) return
    if (this.#isAsking) this.#hasChanged = true
    else this.#askIn(Math.max(0, this.#askedAt + this.#limits.leastGapMs - performance.now()))
  }

  endAll(): void {
    for (const response of [...this.#open.keys()]) this.#end(response)
  }

  #askIn(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#askOnce(), ms)
  }

  async #askOnce(): Promise<void> {
    this.#timer = null
    this.#isAsking = true
    this.#hasChanged = false
    this.#askedAt = performance.now()
    const { code, body } = await this.#ask()
    this.#isAsking = false
    // The client learns why from /state.
    if (code !== 200) this.endAll()
    if (this.#open.size === 0) return
    const message = `data: ${body.trimEnd()}\n\n`
    for (const [response, stream] of [...this.#open]) {
      if (stream.isBlocked) stream.next = message
      else this.#send(response, stream, message)
    }
    this.#askIn(this.#hasChanged ? this.#limits.leastGapMs : this.#limits.everyMs)
  }

  #send(response: ServerResponse, stream: Stream, message: string): void {
    this.#onWork()
    if (response.write(message)) return
    stream.isBlocked = true
    stream.drain = setTimeout(() => response.destroy(), this.#limits.drainMs)
  }

  #end(response: ServerResponse): void {
    this.#forget(response)
    response.end()
    // One that does not read would never end.
    setTimeout(() => response.destroy(), this.#limits.drainMs).unref()
  }

  #forget(response: ServerResponse): void {
    const stream = this.#open.get(response)
    if (stream === undefined) return
    this.#open.delete(response)
    clearTimeout(stream.life)
    if (stream.drain !== null) clearTimeout(stream.drain)
    if (this.#open.size > 0 || this.#timer === null) return
    clearTimeout(this.#timer)
    this.#timer = null
  }
}
