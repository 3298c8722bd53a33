import { Worker } from 'node:worker_threads'
import { type AccessSettings, noAccess } from './access/access.ts'
import type { PageView } from './page/page-files.ts'
import { jsonReply, type Reply, type Route } from './route.ts'

/** What the thread is started with. */
export interface ListenerData {
  readonly places: readonly string[]
  readonly routes: readonly Pick<Route, 'method' | 'path' | 'access' | 'shareMs'>[]
  readonly answerTimeoutMs: number
  readonly pageDir: string | null
  readonly pageView: PageView
  readonly access: AccessSettings
}

export type ThreadMessage =
  | { readonly kind: 'listening' }
  | { readonly kind: 'failed'; readonly where: string; readonly code: string }
  | { readonly kind: 'ask'; readonly path: string; readonly body: unknown; readonly by: string | null }
  | { readonly kind: 'access'; readonly found: AccessState }
  | { readonly kind: 'wrong-token'; readonly from: string }

/** What the thread has found in the files of `AccessSettings`. */
export interface AccessState {
  /** Whether orders are taken, with a token. */
  readonly orders: boolean
  /** Why files cannot be used, and the cure; `null`: they can, or there are none. */
  readonly problem: string | null
}

export type MainMessage =
  | { readonly kind: 'answer'; readonly path: string; readonly reply: Reply }
  /** What is streamed has changed. */
  | { readonly kind: 'changed' }

export interface ListenerOptions {
  /** `address:port` pairs. */
  readonly places: readonly string[]
  /** All are served but those for `owner`. */
  readonly routes: readonly Route[]
  /** A program that has not answered by then is reported as busy (503). */
  readonly answerTimeoutMs?: number
  /** The folder of the page's files. Missing: no page, and no streams. */
  readonly pageDir?: string | null
  /** What it shows: the node, which is the default, or the fleet alone. */
  readonly pageView?: PageView
  /** Left out: no order is taken, and other machines read what is for strangers. */
  readonly access?: AccessSettings
  readonly onAccess?: (state: AccessState) => void
  /** A wrong token, at most some a minute, and the address that it came from. */
  readonly onWrongToken?: (from: string) => void
  /** The module that the thread runs. */
  readonly threadModule?: URL
  readonly firstRetryMs?: number
  /** The thread has ended; it is started again after `retryMs`. */
  readonly onEnd: (cause: string, retryMs: number) => void
}

export interface Listener {
  /** The state has changed: the streams get it at once. Costs nothing else. */
  changed(): void
  close(): Promise<void>
}

export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly where: string
  readonly code: string

  constructor(where: string, code: string) {
    super(`cannot listen on ${where} (${code})`)
    this.where = where
    this.code = code
  }
}

/** The part of a log that `logThreadEnd` uses. */
interface ErrorLog {
  error(facts: object, message: string): void
}

/** An `onEnd` that logs: every program reports the end of its thread as the same event, in the same words. */
export function logThreadEnd(log: ErrorLog): ListenerOptions['onEnd'] {
  return (cause, retryMs) =>
    log.error(
      { event: 'http', cause },
      `the HTTP thread has ended (${cause}); the next start is in ${retryMs} ms`,
    )
}

const lastRetryMs = 60_000
/** A thread that has run that long starts again as quickly as the first time. */
const steadyMs = 60_000
/** More than the thread needs for its connections: one that fills this has a fault. */
const resourceLimits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 }

/**
 * Serves the routes on TCP, except those for `owner`, from a thread of its own that uses little of a processor: every user of
 * the machine can connect, and no request may delay a probe, a withdrawal or a renewal at the guard. This thread
 * answers each path at most once per `shareMs`. Rejects with ListenError if an address cannot be listened on.
 */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { places, onEnd, answerTimeoutMs = 10_000, firstRetryMs = 1000 } = options
  const threadModule = options.threadModule ?? new URL('./listener-thread.js', import.meta.url)
  const routes = new Map(
    options.routes.filter(({ access }) => access !== 'owner').map((route) => [route.path, route]),
  )
  const data: ListenerData = {
    places,
    routes: [...routes.values()].map(({ answer: _, ...route }) => route),
    answerTimeoutMs,
    pageDir: options.pageDir ?? null,
    pageView: options.pageView ?? 'node',
    access: options.access ?? noAccess,
  }
  let retryMs = firstRetryMs
  let retry: NodeJS.Timeout | null = null
  let isStarted = false
  let isClosed = false
  let thread: Worker

  const answer = async (path: string, body: unknown, by: string | null): Promise<Reply> => {
    try {
      return await routes.get(path)!.answer(body, by)
    } catch {
      return jsonReply(500, { error: 'the request failed: see the log' })
    }
  }
  const start = (): Promise<void> => {
    const startedAt = performance.now()
    let cause = 'it ended by itself'
    const worker = new Worker(threadModule, {
      name: 'http',
      workerData: data,
      resourceLimits,
      env: {},
    })
    thread = worker
    return new Promise((resolve, reject) => {
      worker.on('message', (message: ThreadMessage) => {
        if (message.kind === 'listening') {
          // Not after `await start()`: the thread's end may follow before any promise goes on.
          isStarted = true
          resolve()
        } else if (message.kind === 'failed') {
          const error = new ListenError(message.where, message.code)
          cause = error.message
          reject(error)
        } else if (message.kind === 'access') options.onAccess?.(message.found)
        else if (message.kind === 'wrong-token') options.onWrongToken?.(message.from)
        else {
          void answer(message.path, message.body, message.by).then((reply) => {
            const said: MainMessage = { kind: 'answer', path: message.path, reply }
            worker.postMessage(said)
          })
        }
      })
      worker.on('error', (error) => {
        cause = error.message
      })
      worker.on('exit', () => {
        const error = new Error(`the HTTP thread has ended: ${cause}`)
        reject(error)
        if (isClosed || !isStarted) return
        if (performance.now() - startedAt > steadyMs) retryMs = firstRetryMs
        onEnd(cause, retryMs)
        // `onEnd` reports the error when the thread ends.
        retry = setTimeout(() => void start().catch(() => {}), retryMs)
        retryMs = Math.min(lastRetryMs, retryMs * 2)
      })
    })
  }
  await start()
  return {
    changed() {
      const said: MainMessage = { kind: 'changed' }
      thread.postMessage(said)
    },
    async close() {
      isClosed = true
      if (retry !== null) clearTimeout(retry)
      await thread.terminate()
    },
  }
}
