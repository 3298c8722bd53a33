import { setTimeout as delay } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import type { KeyValue, WatchEvent } from '../store.ts'
import { type Endpoint, headers, messageOf } from './endpoint.ts'
import { changeOf, rangeOf, readRequest, valuesOf } from './requests.ts'
import { type Event, type WatchRequest, WatchRequestSchema } from './rpc_pb.ts'

/** Milliseconds. */
const timing = {
  snapshot: 3000,
  /** Before the next member, after one has failed: on average. */
  pause: 200,
}

/** Then another member is asked. */
const unansweredQuestions = 3

interface Members {
  readonly preferred: () => Endpoint
  readonly demote: (endpoint: Endpoint) => void
}

/**
 * Reads all values, then their changes from the revision after. Whatever ends the stream, it reads all values again: a store
 * that was restored from a copy has used the same revisions for other changes.
 */
export class EtcdWatch {
  readonly #prefix: string
  readonly #onEvent: (event: WatchEvent) => void
  readonly #members: Members
  readonly #closed = new AbortController()
  readonly #askEveryMs: number
  #interrupted = false

  /** @param askEveryMs between two questions on the stream whether the member still answers */
  constructor(prefix: string, onEvent: (event: WatchEvent) => void, members: Members, askEveryMs: number) {
    this.#askEveryMs = askEveryMs
    this.#prefix = prefix
    this.#onEvent = onEvent
    this.#members = members
    void this.#run()
  }

  close(): void {
    this.#closed.abort()
  }

  async #run(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      const endpoint = this.#members.preferred()
      const message = await this.#follow(endpoint)
      if (message === null) continue
      if (!this.#interrupted) this.#send({ event: 'interrupted', message: `${endpoint.url}: ${message}` })
      this.#interrupted = true
      this.#members.demote(endpoint)
      // Not all sites at once.
      const pauseMs = timing.pause * (0.5 + Math.random())
      await delay(pauseMs, undefined, { signal: this.#closed.signal }).catch(() => {})
    }
  }

  /** Why the member is of no more use; `null`: the changes since the snapshot are no longer there. */
  async #follow(endpoint: Endpoint): Promise<string | null> {
    const silent = new AbortController()
    const signal = AbortSignal.any([silent.signal, this.#closed.signal])
    const silenceMs = this.#askEveryMs * unansweredQuestions
    let silence: NodeJS.Timeout | undefined
    const heard = () => {
      clearTimeout(silence)
      silence = setTimeout(() => silent.abort(), silenceMs)
    }
    try {
      const obstacle = await endpoint.connect(timing.snapshot)
      if (obstacle !== null) return obstacle
      const read = readRequest([{ prefix: this.#prefix }])
      const snapshot = await endpoint.kv.txn(read, { timeoutMs: timing.snapshot, headers, signal })
      this.#send({ event: 'snapshot', values: valuesOf(snapshot) })
      const first = snapshot.header!.revision + 1n
      heard()
      for await (const response of endpoint.watch.watch(ask(this.#prefix, first, this.#askEveryMs, signal), {
        headers,
        signal,
      })) {
        heard()
        if (response.compactRevision !== 0n) return null
        if (response.canceled) return response.cancelReason
        for (const changes of byRevision(response.events)) this.#send({ event: 'changes', changes })
      }
      return 'the stream has ended'
    } catch (error) {
      if (!silent.signal.aborted) return messageOf(error)
      // The connection is of no use to other requests either.
      endpoint.abort()
      return `no answer in ${silenceMs} ms`
    } finally {
      clearTimeout(silence)
      // Ends the stream of questions.
      silent.abort()
    }
  }

  #send(event: WatchEvent): void {
    if (this.#closed.signal.aborted) return
    if (event.event !== 'interrupted') this.#interrupted = false
    this.#onEvent(event)
  }
}

/** The request, and then questions, so that a member that hangs is noticed. */
async function* ask(
  prefix: string,
  startRevision: bigint,
  askEveryMs: number,
  signal: AbortSignal,
): AsyncGenerator<WatchRequest> {
  const value = { ...rangeOf({ prefix }), startRevision }
  yield create(WatchRequestSchema, { requestUnion: { case: 'createRequest', value } })
  for (;;) {
    await delay(askEveryMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    yield create(WatchRequestSchema, { requestUnion: { case: 'progressRequest', value: {} } })
  }
}

/** Events of one transaction have one revision. */
function byRevision(events: readonly Event[]): KeyValue[][] {
  const changes: KeyValue[][] = []
  let last: bigint | null = null
  for (const event of events) {
    const revision = event.kv!.modRevision
    if (revision !== last) changes.push([])
    last = revision
    changes.at(-1)!.push(changeOf(event))
  }
  return changes
}
