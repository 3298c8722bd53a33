import { setTimeout as delay } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import type { KeyValue, WatchEvent } from '../store.ts'
import { type Endpoint, headers, messageOf } from './endpoint.ts'
import { changeOf, rangeOf, readRequest, valuesOf } from './requests.ts'
import { type Event, type WatchRequest, WatchRequestSchema } from './rpc_pb.ts'

/** Milliseconds. */
const timing = {
  /** Between two questions on a stream whether the member still answers. */
  ask: 1000,
  /** The silence after which another member is asked. */
  silence: 3000,
  snapshot: 3000,
  /** Before the next member, after one has failed. */
  pause: 200,
}

interface Members {
  readonly preferred: () => Endpoint
  readonly demote: (endpoint: Endpoint) => void
}

interface Wanted {
  readonly prefix: string
  readonly onEvent: (event: WatchEvent) => void
  /**
   * After each message the changes of so long are gathered. etcd sends each watcher each change as a message of its own, but
   * those that were before its watch began as one.
   */
  readonly gatherMs: number
}

/**
 * Reads all values, then their changes from the revision after. Whatever ends the connection, it reads all values again: a
 * store that was restored from a copy has used the same revisions for other changes.
 */
export class EtcdWatch {
  readonly #wanted: Wanted
  readonly #members: Members
  readonly #closed = new AbortController()
  #interrupted = false

  constructor(wanted: Wanted, members: Members) {
    this.#wanted = wanted
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
      await this.#pause(timing.pause)
    }
  }

  /** Why the member is of no more use; `null`: the changes since the snapshot are no longer there. */
  async #follow(endpoint: Endpoint): Promise<string | null> {
    const { prefix, gatherMs } = this.#wanted
    try {
      const obstacle = await endpoint.connect(timing.snapshot)
      if (obstacle !== null) return obstacle
      const opened = endpoint.opened()
      const { signal } = this.#closed
      const read = readRequest([{ prefix }])
      const snapshot = await endpoint.kv.txn(read, { timeoutMs: timing.snapshot, headers, signal })
      this.#send({ event: 'snapshot', values: valuesOf(snapshot) })
      let revision = snapshot.header!.revision
      for (;;) {
        const end = await this.#readChanges(endpoint, opened, revision + 1n)
        if (typeof end !== 'bigint') return end
        revision = end
        await this.#pause(gatherMs)
      }
    } catch (error) {
      return messageOf(error)
    }
  }

  /** Until the stream ends: why, as above. Where changes are gathered, until some have come: the revision of the last one. */
  async #readChanges(endpoint: Endpoint, opened: number, first: bigint): Promise<string | bigint | null> {
    const { prefix, gatherMs } = this.#wanted
    const silent = new AbortController()
    const signal = AbortSignal.any([silent.signal, this.#closed.signal])
    let silence: NodeJS.Timeout | undefined
    const heard = () => {
      clearTimeout(silence)
      silence = setTimeout(() => silent.abort(), timing.silence)
    }
    try {
      heard()
      for await (const response of endpoint.watch.watch(ask(prefix, first, signal), { headers, signal })) {
        heard()
        if (endpoint.opened() !== opened) return 'the connection has ended'
        if (response.compactRevision !== 0n) return null
        if (response.canceled) return response.cancelReason
        for (const changes of byRevision(response.events)) this.#send({ event: 'changes', changes })
        const last = response.events.at(-1)
        if (gatherMs > 0 && last !== undefined) return last.kv!.modRevision
      }
      return 'the stream has ended'
    } catch (error) {
      if (!silent.signal.aborted) throw error
      // The connection is of no use to other requests either.
      endpoint.abort()
      return `no answer in ${timing.silence} ms`
    } finally {
      clearTimeout(silence)
      // Ends the stream, and that of questions.
      silent.abort()
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#closed.signal }).catch(() => {})
  }

  #send(event: WatchEvent): void {
    if (this.#closed.signal.aborted) return
    if (event.event !== 'interrupted') this.#interrupted = false
    this.#wanted.onEvent(event)
  }
}

/** The request, and then a question each second, so that a member that hangs is noticed. */
async function* ask(
  prefix: string,
  startRevision: bigint,
  signal: AbortSignal,
): AsyncGenerator<WatchRequest> {
  const value = { ...rangeOf({ prefix }), startRevision }
  yield create(WatchRequestSchema, { requestUnion: { case: 'createRequest', value } })
  for (;;) {
    await delay(timing.ask, undefined, { signal }).catch(() => {})
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
