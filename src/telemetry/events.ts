import { constants } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Timer } from '../clock/clock.ts'

/** One line of the events file: what happened on this node, and why. */
export interface NodeEvent {
  /** ISO 8601, UTC. */
  readonly time: string
  readonly level: 'info' | 'warn' | 'error' | 'fatal'
  /** What kind: `decision`, `verified`, `session`, `trouble`, `operator` and so on, as in the log. */
  readonly event: string
  readonly service?: string
  /** A sentence for a person. */
  readonly message: string
  readonly [fact: string]: unknown
}

const levels: readonly unknown[] = ['info', 'warn', 'error', 'fatal']
const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/

/** A line of the file; `null`: it is not an event, for example an incomplete line after a power failure. */
export function readEvent(line: string): NodeEvent | null {
  try {
    const read = JSON.parse(line) as Partial<NodeEvent> | null
    const { time, level, event, service, message } = read ?? {}
    if (typeof time !== 'string' || typeof event !== 'string' || typeof message !== 'string') return null
    if (!levels.includes(level) || !['string', 'undefined'].includes(typeof service)) return null
    return isoTime.test(time) ? (read as NodeEvent) : null
  } catch {
    return null
  }
}

interface EventFacts {
  readonly event: string
  readonly service?: string
  readonly cause?: string | null | undefined
  readonly [fact: string]: unknown
}

interface EventLogOptions {
  /** The folder of the events files. */
  readonly dir: string
  readonly clock: Clock
  /** Called once until a write succeeds again. Events wait in memory meanwhile. */
  readonly onProblem: (error: NodeJS.ErrnoException) => void
  /** Runs for each event that is to be written, also while it cannot be. Must not throw. */
  readonly onEvent?: (event: NodeEvent) => void
  readonly maxBytes?: number
  readonly retryMs?: number
}

export interface EventLog {
  /** Never throws and never waits: the line is written in the background. */
  record(level: NodeEvent['level'], facts: EventFacts, message: string): void
  /** Resolves when all waiting lines are written, or the write has failed. Later events are ignored. */
  end(): Promise<void>
}

export const eventsName = 'events.jsonl'
/** Number of older files. `events.jsonl.1` is the newest of them. */
export const keptFiles = 5
const defaultMaxBytes = 2_000_000
const defaultRetryMs = 5000
/** Limit of lines in memory while the disk is full. The oldest are dropped first, and counted in an event. */
const mostWaiting = 2000
/** Rate limit: a repeated event must not push rare events out of the files. */
const burst = 20
const refillMs = 10_000

/** JSON lines in a file that is rotated by size, for `anyward events`. */
export function createEventLog(options: EventLogOptions): EventLog {
  return new RotatedFile(options)
}

class RotatedFile implements EventLog {
  readonly #options: EventLogOptions
  readonly #path: string
  readonly #buckets = new Map<string, Bucket>()
  #waiting: string[] = []
  #lost = 0
  #file: { handle: FileHandle; bytes: number } | null = null
  #writing: Promise<void> | null = null
  #retry: Timer | null = null
  #failing = false
  #ended = false

  constructor(options: EventLogOptions) {
    this.#options = options
    this.#path = join(options.dir, eventsName)
  }

  record(level: NodeEvent['level'], facts: EventFacts, message: string): void {
    if (this.#ended) return
    const wall = this.#options.clock.wall()
    const { event, ...rest } = facts
    const line = { time: new Date(wall).toISOString(), level, event, message, ...rest }
    const bucket = this.#bucketOf(`${event} ${facts.service ?? ''} ${facts.cause ?? ''}`, wall)
    if (bucket.tokens < 1) {
      bucket.leftOut += 1
      bucket.last = line
      bucket.timer ??= this.#options.clock.after(refillMs, () => this.#writeLast(bucket)).unref()
      return
    }
    bucket.tokens -= 1
    this.#put(line, bucket)
  }

  async end(): Promise<void> {
    for (const bucket of this.#buckets.values()) this.#writeLast(bucket)
    this.#ended = true
    this.#retry?.cancel()
    await this.#writing
    await this.#drain().catch(() => {})
    await this.#close()
  }

  #bucketOf(kind: string, wall: number): Bucket {
    const bucket = this.#buckets.get(kind) ?? { tokens: burst, at: wall, leftOut: 0, last: null, timer: null }
    this.#buckets.set(kind, bucket)
    bucket.tokens = Math.min(burst, bucket.tokens + Math.max(0, wall - bucket.at) / refillMs)
    bucket.at = wall
    return bucket
  }

  /** Writes the last of the omitted events, so that the file shows how a burst ended. */
  #writeLast(bucket: Bucket): void {
    const { last } = bucket
    if (last === null) return
    bucket.leftOut -= 1
    this.#put(last, bucket)
  }

  #put(line: NodeEvent, bucket: Bucket): void {
    const more = bucket.leftOut === 0 ? {} : { leftOut: bucket.leftOut }
    bucket.timer?.cancel()
    Object.assign(bucket, { leftOut: 0, last: null, timer: null })
    this.#options.onEvent?.(line)
    this.#waiting.push(`${JSON.stringify({ ...line, ...more })}\n`)
    while (this.#waiting.length > mostWaiting) {
      this.#waiting.shift()
      this.#lost += 1
    }
    if (this.#retry === null) this.#write()
  }

  #write(): void {
    this.#writing ??= this.#drain()
      .then(() => {
        this.#failing = false
      })
      .catch(async (error: NodeJS.ErrnoException) => {
        await this.#close()
        if (!this.#failing) this.#options.onProblem(error)
        this.#failing = true
        if (this.#ended) return
        const retry = () => {
          this.#retry = null
          this.#write()
        }
        this.#retry = this.#options.clock.after(this.#options.retryMs ?? defaultRetryMs, retry).unref()
      })
      .finally(() => {
        this.#writing = null
        if (this.#waiting.length > 0 && this.#retry === null && !this.#ended) this.#write()
      })
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#takeSome()
      const text = lines.join('')
      const file = await this.#openFor(Buffer.byteLength(text))
      await file.handle.appendFile(text)
      await file.handle.datasync()
      file.bytes += Buffer.byteLength(text)
      // Old lines may have been dropped meanwhile.
      const written = new Set(lines)
      this.#waiting = this.#waiting.filter((line) => !written.has(line))
      if (this.#lost > 0 && this.#waiting.length === 0) {
        const lost = this.#lost
        this.#lost = 0
        const message = `${lost} events were lost while they could not be written`
        this.record('error', { event: 'events-lost', lost }, message)
      }
    }
  }

  /** At most a quarter of a file's limit. */
  #takeSome(): string[] {
    const roomBytes = (this.#options.maxBytes ?? defaultMaxBytes) / 4
    let bytes = 0
    const end = this.#waiting.findIndex((line) => {
      bytes += line.length
      return bytes > roomBytes
    })
    return this.#waiting.slice(0, end === -1 ? undefined : Math.max(1, end))
  }

  async #openFor(bytes: number) {
    if (this.#file === null) this.#file = await openToAppend(this.#path)
    if (this.#file.bytes > 0 && this.#file.bytes + bytes > (this.#options.maxBytes ?? defaultMaxBytes)) {
      await this.#close()
      for (let age = keptFiles - 1; age >= 0; age -= 1) {
        await rename(agedPath(this.#path, age), agedPath(this.#path, age + 1)).catch(
          (error: NodeJS.ErrnoException) => {
            if (error.code !== 'ENOENT') throw error
          },
        )
      }
      this.#file = await openToAppend(this.#path)
    }
    return this.#file
  }

  async #close(): Promise<void> {
    const file = this.#file
    this.#file = null
    await file?.handle.close().catch(() => {})
  }
}

interface Bucket {
  tokens: number
  at: number
  leftOut: number
  /** The last omitted event. */
  last: NodeEvent | null
  timer: Timer | null
}

/** `age` 0 is the file that is written to. */
export function agedPath(path: string, age: number): string {
  return age === 0 ? path : `${path}.${age}`
}

async function openToAppend(path: string): Promise<{ handle: FileHandle; bytes: number }> {
  const { O_RDWR, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants
  // Follow no link: the folder may belong to another user than this process, for example root's.
  const handle = await open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o640)
  try {
    const { size } = await handle.stat()
    const last = Buffer.alloc(1)
    if (size > 0) await handle.read(last, 0, 1, size - 1)
    // After a power failure the last line may be incomplete: start a new one.
    const torn = size > 0 && last[0] !== 0x0a
    if (torn) await handle.appendFile('\n')
    return { handle, bytes: size + (torn ? 1 : 0) }
  } catch (error) {
    await handle.close()
    throw error
  }
}
