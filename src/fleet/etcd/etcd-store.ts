import type {
  ReadOutcome,
  Selection,
  Store,
  Transaction,
  TransactOutcome,
  Watch,
  WatchEvent,
} from '../store.ts'
import {
  type Credentials,
  classifyError,
  type Endpoint,
  headers,
  messageOf,
  openEndpoint,
} from './endpoint.ts'
import { readRequest, transactRequest, valuesOf } from './requests.ts'
import type { TxnResponse } from './rpc_pb.ts'
import { EtcdWatch } from './watch.ts'

/** A client of an etcd cluster, which repeats no write. Later connections use the credentials that it was opened with. */
export class EtcdStore implements Store {
  /** The preferred one first: at the beginning, the first of the configuration. */
  #endpoints: readonly Endpoint[]
  readonly #watches = new Set<EtcdWatch>()
  readonly #askEveryMs: number

  /** @param askEveryMs how often a watch asks whether its member still answers: in a large fleet, thousands of them do */
  constructor(urls: readonly string[], credentials: Credentials, askEveryMs = 1000) {
    this.#askEveryMs = askEveryMs
    this.#endpoints = urls.map((url) => openEndpoint(url, credentials))
  }

  /** Members that fail or are slow do not delay it: the next one is asked too, because a read may be repeated. */
  async read(selection: readonly Selection[], withinMs: number): Promise<ReadOutcome> {
    const request = readRequest(selection)
    const first = await firstAnswer<TxnResponse>(
      this.#endpoints,
      withinMs,
      async (endpoint, leftMs, signal) => {
        const obstacle = await endpoint.connect(leftMs)
        if (obstacle !== null) throw new Error(obstacle)
        return endpoint.kv.txn(request, { timeoutMs: leftMs, headers, signal })
      },
      (endpoint) => this.#demote(endpoint),
    )
    if ('answer' in first) return { outcome: 'read', values: valuesOf(first.answer) }
    return { outcome: first.failure === 'refused' ? 'refused' : 'unknown', message: first.message }
  }

  async transact(transaction: Transaction, withinMs: number): Promise<TransactOutcome> {
    const endsAtMs = performance.now() + withinMs
    const request = transactRequest(transaction)
    let message = 'no time was left'
    for (const endpoint of this.#endpoints) {
      const leftMs = endsAtMs - performance.now()
      if (leftMs <= 0) break
      const obstacle = await endpoint.connect(shareOf(leftMs, this.#endpoints.length))
      if (obstacle !== null) {
        message = `${endpoint.url}: ${obstacle}`
        this.#demote(endpoint)
        continue
      }
      try {
        const timeoutMs = wholeMs(endsAtMs - performance.now())
        const { succeeded } = await endpoint.kv.txn(request, { timeoutMs, headers })
        return { outcome: succeeded ? 'committed' : 'conflict' }
      } catch (error) {
        message = `${endpoint.url}: ${messageOf(error)}`
        const failure = classifyError(error)
        if (failure === 'refused') return { outcome: 'refused', message }
        this.#demote(endpoint)
        if (failure === 'unknown') break
      }
    }
    return { outcome: 'unknown', message }
  }

  watch(prefix: string, onEvent: (event: WatchEvent) => void): Watch {
    const members = {
      preferred: () => this.#endpoints[0]!,
      demote: (endpoint: Endpoint) => this.#demote(endpoint),
    }
    const watch = new EtcdWatch(prefix, onEvent, members, this.#askEveryMs)
    this.#watches.add(watch)
    return {
      close: () => {
        watch.close()
        this.#watches.delete(watch)
      },
    }
  }

  async close(): Promise<void> {
    for (const watch of this.#watches) watch.close()
    this.#watches.clear()
    for (const endpoint of this.#endpoints) endpoint.abort()
  }

  /** The next request goes to another member first. */
  #demote(endpoint: Endpoint): void {
    if (endpoint !== this.#endpoints[0]) return
    this.#endpoints = [...this.#endpoints.slice(1), endpoint]
  }
}

/** How long one of several members may take until the next is asked. */
function shareOf(leftMs: number, members: number): number {
  return leftMs / (members + 1)
}

/** etcd refuses a fraction. */
function wholeMs(ms: number): number {
  return Math.max(1, Math.ceil(ms))
}

type First<T> =
  | { readonly answer: T }
  | { readonly failure: 'refused' | 'not-executed' | 'unknown'; readonly message: string }

/** Asks the members one after the other, the next one when one fails or is slow, until one answers. */
function firstAnswer<T>(
  endpoints: readonly Endpoint[],
  withinMs: number,
  ask: (endpoint: Endpoint, leftMs: number, signal: AbortSignal) => Promise<T>,
  demote: (endpoint: Endpoint) => void,
): Promise<First<T>> {
  const endsAtMs = performance.now() + withinMs
  const stop = new AbortController()
  const waiting = [...endpoints]
  let running = 0
  let next: NodeJS.Timeout | undefined
  return new Promise((resolve) => {
    const end = (first: First<T>) => {
      clearTimeout(next)
      clearTimeout(last)
      resolve(first)
      stop.abort()
    }
    const askNext = () => {
      clearTimeout(next)
      const endpoint = waiting.shift()
      if (endpoint === undefined) return
      if (waiting.length > 0) {
        next = setTimeout(
          () => {
            demote(endpoint)
            askNext()
          },
          shareOf(withinMs, endpoints.length),
        )
      }
      running += 1
      ask(endpoint, wholeMs(endsAtMs - performance.now()), stop.signal)
        .then((answer) => end({ answer }))
        .catch((error: unknown) => {
          running -= 1
          if (stop.signal.aborted) return
          const [failure, message] = [classifyError(error), `${endpoint.url}: ${messageOf(error)}`]
          if (failure === 'refused') return end({ failure, message })
          demote(endpoint)
          askNext()
          if (running === 0) end({ failure, message })
        })
    }
    const last = setTimeout(() => end({ failure: 'unknown', message: 'no reply in time' }), withinMs)
    askNext()
  })
}
