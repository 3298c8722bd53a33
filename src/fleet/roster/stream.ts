import { setTimeout as delay } from 'node:timers/promises'
import { ConnectError, createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { Connection } from '../connection.ts'
import { findMismatch } from './identity.ts'
import type { Ending, StreamStatus } from './link.ts'
import { type Batch, Roster } from './roster_pb.ts'
import type { Credentials } from './server.ts'
import { mostBytes } from './wire.ts'

/** Milliseconds. Before the next connection, times 0.5 to 1.5. */
const pause = { first: 300, most: 5_000 }
const connectMs = 5_000
/**
 * A process that had no processor for a while has heard nothing, from any node: a timer that is later than this says nothing of
 * the others.
 */
const mostLateMs = 250

export interface StreamOptions {
  readonly node: string
  readonly address: string
  readonly port: number
  readonly credentials: Credentials
  /** Whether the node is a relay that is asked for what the others say too. */
  readonly all: boolean
  /** A node that says nothing for so long is silent. */
  readonly silenceMs: number
  readonly onBatch: (batch: Batch) => void
  readonly onUp: () => void
  readonly onDown: (ending: Ending) => void
}

/** The stream of one other node, opened again whenever it has ended. */
export class NodeStream {
  readonly #options: StreamOptions
  readonly #closed = new AbortController()
  readonly #connection: Connection
  #status: Omit<StreamStatus, 'node'> = { up: false, sinceMs: Date.now(), problem: null }

  constructor(options: StreamOptions) {
    this.#options = options
    const { node, address, port, credentials } = options
    const { ca, cert, key } = credentials
    const host = address.includes(':') ? `[${address}]` : address
    this.#connection = new Connection(`https://${host}:${port}`, {
      ...{ ca, cert, key, minVersion: 'TLSv1.3', maxSessionMemory: 10 },
      checkServerIdentity: (_host, { raw }) => {
        const mismatch = findMismatch(raw, node)
        return mismatch === null ? undefined : new Error(mismatch)
      },
    })
    void this.#run()
  }

  get status(): StreamStatus {
    return { node: this.#options.node, ...this.#status }
  }

  close(): void {
    this.#closed.abort()
    this.#connection.abort()
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed
    let pauseMs = pause.first
    while (!signal.aborted) {
      const { ending, problem } = await this.#follow()
      if (signal.aborted) return
      if (this.#status.up) {
        pauseMs = pause.first
        this.#set(false, problem)
        this.#options.onDown(ending)
      } else this.#status = { ...this.#status, problem }
      // Not all nodes at once.
      await delay(pauseMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {})
      pauseMs = Math.min(pause.most, pauseMs * 2)
    }
  }

  /** Until the stream ends, or cannot be opened. Never rejects. */
  async #follow(): Promise<{ ending: Ending; problem: string }> {
    const silent = new AbortController()
    const signal = AbortSignal.any([silent.signal, this.#closed.signal])
    const silence = new Silence(this.#options.silenceMs, () => silent.abort())
    let ending: Ending = 'ended'
    try {
      const obstacle = await this.#connection.connect(connectMs)
      if (obstacle !== null) return { ending, problem: obstacle }
      const transport = createGrpcTransport({
        ...{ baseUrl: this.#connection.authority, sessionManager: this.#connection },
        ...{ acceptCompression: [], readMaxBytes: mostBytes },
      })
      const client = createClient(Roster, transport)
      silence.heard()
      const batches = this.#options.all ? client.followAll({}, { signal }) : client.follow({}, { signal })
      for await (const batch of batches) {
        silence.heard()
        if (!this.#status.up) {
          this.#set(true, null)
          this.#options.onUp()
        }
        this.#options.onBatch(batch)
        if (batch.leaving) ending = 'left'
      }
      return { ending, problem: 'the stream has ended' }
    } catch (error) {
      if (silent.signal.aborted) {
        return { ending: 'silent', problem: `nothing came for ${this.#options.silenceMs} ms` }
      }
      return { ending, problem: ConnectError.from(error).rawMessage }
    } finally {
      silence.end()
      silent.abort()
      // A node is asked rarely, and a connection that is of no use to its stream is of none at all.
      this.#connection.abort()
    }
  }

  #set(up: boolean, problem: string | null): void {
    this.#status = { up, sinceMs: Date.now(), problem }
  }
}

class Silence {
  readonly #timeoutMs: number
  readonly #onSilence: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(timeoutMs: number, onSilence: () => void) {
    this.#timeoutMs = timeoutMs
    this.#onSilence = onSilence
  }

  heard(): void {
    this.#wait(this.#timeoutMs, () => this.#wait(mostLateMs, this.#onSilence))
  }

  /** What has arrived while the timer was late is read first. */
  #wait(forMs: number, then: () => void): void {
    clearTimeout(this.#timer)
    const dueMs = performance.now() + forMs
    this.#timer = setTimeout(() => {
      if (performance.now() - dueMs > mostLateMs) this.heard()
      else then()
    }, forMs)
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}
