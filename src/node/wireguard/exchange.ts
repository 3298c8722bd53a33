import type { Deadline } from './deadline.ts'
import type { EndpointSocket } from './endpoint-socket.ts'

const failureCauses = [
  /** The port is closed: ECONNREFUSED. */
  'refused',
  /** The kernel would not send: no route, no address. */
  'unreachable',
  'no-reply',
  /** A reply came that does not authenticate: wrong key or preshared key, or somebody else. */
  'unauthenticated',
  /** The server asks for cookies: alive, and loaded. */
  'under-load',
  /** The reply to this call's predecessor came after its deadline. */
  'late',
  /** Something answers there that is not WireGuard. */
  'malformed',
  /** This process was not given the time, or the descriptors, to find out. */
  'starved',
  /** There is no live session to send in. */
  'no-session',
  /** The client was closed. */
  'closed',
] as const
export type FailureCause = (typeof failureCauses)[number]

export interface ExchangeFailure {
  readonly ok: false
  readonly cause: FailureCause
  /** A sentence without its subject, which is the endpoint. */
  readonly detail: string
}
export type ExchangeOutcome = { readonly ok: true; readonly ms: number } | ExchangeFailure

/** What the client knows about one endpoint beyond its socket. */
export interface Line {
  readonly socket: EndpointSocket
  /** One for all the lines: the server that is behind each of them. */
  readonly server: {
    /** When it last asked for a cookie. */
    loadedAtMs: number
  }
  cookie: { readonly value: Uint8Array; readonly receivedAtMs: number } | null
  /** A reply that missed its deadline, until a failure has told of it or another reply was in time. */
  lateReplyMs: number | null
}

/** One packet that awaits its reply. It is kept some time beyond its deadline, so that a late reply is known as one. */
export class Exchange {
  readonly line: Line
  readonly sentAtMs: number
  readonly deadline: Deadline
  /** What was seen meanwhile; none of it ends the exchange, for anybody could have sent it. */
  readonly seen = { cookie: false, unauthenticated: false, malformed: false }
  readonly outcome: Promise<ExchangeOutcome>
  #resolve: ((outcome: ExchangeOutcome) => void) | null
  readonly #forgetDeadline: () => void

  constructor(line: Line, deadline: Deadline, nowMs: () => number) {
    this.line = line
    this.deadline = deadline
    this.sentAtMs = nowMs()
    let resolveOutcome: (outcome: ExchangeOutcome) => void = () => {}
    this.outcome = new Promise((resolve) => {
      resolveOutcome = resolve
    })
    this.#resolve = resolveOutcome
    this.#forgetDeadline = deadline.whenOver(() => this.settle(this.#judgeSilence(nowMs())))
  }

  get isSettled(): boolean {
    return this.#resolve === null
  }

  /** The first one counts. */
  settle(outcome: ExchangeOutcome): void {
    const resolve = this.#resolve
    if (resolve === null) return
    this.#resolve = null
    this.#forgetDeadline()
    resolve(outcome)
  }

  /** The reply came; whether in time, this decides. */
  answer(nowMs: number): void {
    const ms = nowMs - this.sentAtMs
    if (this.isSettled) {
      this.line.lateReplyMs = ms
      return
    }
    this.line.lateReplyMs = null
    this.settle({ ok: true, ms })
  }

  #judgeSilence(nowMs: number): ExchangeFailure {
    const { deadline, line, seen } = this
    const waited = `within ${deadline.timeoutMs} ms`
    if (deadline.isStarved) {
      return failure(
        'starved',
        `could not be probed: this process slept ${Math.round(deadline.stalledMs)} ms`,
      )
    }
    if (seen.cookie || isLoaded(line, nowMs)) {
      return failure('under-load', `asks for cookies, and did not answer ${waited}`)
    }
    if (seen.unauthenticated) return failure('unauthenticated', 'sent a reply that does not authenticate')
    if (line.lateReplyMs !== null) {
      const lateMs = Math.round(line.lateReplyMs)
      line.lateReplyMs = null
      return failure('late', `did not answer ${waited}; its reply before came after ${lateMs} ms`)
    }
    if (seen.malformed) return failure('malformed', 'sent a packet that is not WireGuard')
    return failure('no-reply', `did not answer ${waited}`)
  }
}

export function failure(cause: FailureCause, detail: string): ExchangeFailure {
  return { ok: false, cause, detail }
}

export const closedFailure = failure('closed', 'was no longer asked: the probe was closed')

export function socketFailure(error: NodeJS.ErrnoException): ExchangeFailure {
  const code = error.code ?? 'unknown error'
  switch (code) {
    case 'ECONNREFUSED':
      return failure('refused', 'has no process on that port (ECONNREFUSED)')
    // Our own shortage, which says nothing about the endpoint.
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOMEM':
    case 'ENOBUFS':
      return failure('starved', `could not be probed (${code})`)
    case 'ERR_CLOSED':
      return closedFailure
    default:
      return failure('unreachable', `can't be reached (${code})`)
  }
}

/**
 * A cookie proves that the server's queue was too long. Beyond that a loaded server is silent at times, for its
 * kernel drops what it has no room for.
 */
const loadMemoryMs = 3_000
/**
 * The server would take it for 120 s (COOKIE_REFRESH_TIME). But who brings one is not asked for it again, and
 * we want to know whether the server is still loaded, well before we forget that it was.
 */
const cookieUseMs = 1_500

function isLoaded(line: Line, nowMs: number): boolean {
  return nowMs - line.server.loadedAtMs < loadMemoryMs
}

export function usableCookie(line: Line, nowMs: number): Uint8Array | null {
  return line.cookie !== null && nowMs - line.cookie.receivedAtMs < cookieUseMs ? line.cookie.value : null
}

/** How long a reply that missed its deadline is still known as ours. */
const lateReplyMs = 2_000
/** No honest caller comes near it. */
const exchangesKept = 512

/** Adds, and forgets what nobody will answer any more: a map keeps the order of insertion. */
export function keepExchange<T extends { readonly exchange: Exchange }>(
  kept: Map<number, T>,
  nowMs: number,
  key: number,
  added: T,
): void {
  for (const [oldKey, { exchange }] of kept) {
    const isForgotten = nowMs > exchange.sentAtMs + exchange.deadline.timeoutMs + lateReplyMs
    if (!exchange.isSettled || !(isForgotten || kept.size >= exchangesKept)) break
    kept.delete(oldKey)
  }
  kept.set(key, added)
}
