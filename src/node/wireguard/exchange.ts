import type { Clock } from '../../clock/clock.ts'
import type { Deadline } from './deadline.ts'
import type { EndpointSocket } from './endpoint-socket.ts'

const failureCauses = [
  /** The port is closed: ECONNREFUSED. */
  'refused',
  /** The kernel did not send: no route, no address. */
  'unreachable',
  'no-reply',
  /** A reply does not authenticate: wrong key, wrong preshared key, or another sender. */
  'unauthenticated',
  /** The server asks for cookies: alive, and loaded. */
  'under-load',
  /** The reply to the previous call arrived after its deadline. */
  'late',
  /** The reply is not a WireGuard packet. */
  'malformed',
  /** This process lacked CPU time or file descriptors. */
  'starved',
  /** There is no live session. */
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
/** `ms`: from the packet that was answered to its answer. */
export type ExchangeOutcome = { readonly ok: true; readonly ms: number } | ExchangeFailure

/** The client's state of one endpoint, beyond its socket. */
export interface Line {
  readonly socket: EndpointSocket
  /** Shared by all lines: the server behind them. */
  readonly server: {
    /** When it last asked for a cookie. */
    loadedAtMs: number
  }
  cookie: { readonly value: Uint8Array; readonly receivedAtMs: number } | null
  /** A reply that missed its deadline, until a failure reports it or another reply is in time. */
  lateReplyMs: number | null
}

/** A question to an endpoint while it is asked, for its caller. */
export interface Asked {
  /** Packets sent so far. */
  readonly packets: number
  /** Whether the first packet was answered, in time or not. */
  readonly isFirstAnswered: boolean
  /** Whether the server has asked for a cookie. */
  readonly wasLoaded: boolean
  /** Why it would fail now, after `waitedMs` without an answer. */
  judgeSilence(nowMs: number, waitedMs: number): ExchangeFailure
}

/** How a question is repeated until its answer comes. */
export interface AskOptions {
  /** Time from one packet to the next, in milliseconds. */
  readonly everyMs?: number
  /** Called when the first packet is sent. */
  readonly onAsked?: (asked: Asked) => void
}

/** Whether a packet after `everyMs` would leave some time for its answer. */
export function hasTimeForAnother(deadline: Deadline, everyMs: number): boolean {
  return deadline.remainingMs > 1.5 * everyMs
}

/**
 * A question that waits for its answer, in one packet or, when repeated, in several. It is kept for some time beyond its
 * deadline, to recognize a late reply.
 */
export class Exchange implements Asked {
  readonly line: Line
  readonly sentAtMs: number
  readonly deadline: Deadline
  /** Packets seen meanwhile. None ends the exchange, because any host can forge them. */
  readonly seen = { cookie: false, unauthenticated: false, malformed: false }
  readonly outcome: Promise<ExchangeOutcome>
  packets = 0
  isFirstAnswered = false
  #hasFailed = false
  #resolve: ((outcome: ExchangeOutcome) => void) | null
  readonly #forgetDeadline: () => void

  constructor(line: Line, deadline: Deadline, clock: Clock) {
    this.line = line
    this.deadline = deadline
    this.sentAtMs = clock.now()
    let resolveOutcome: (outcome: ExchangeOutcome) => void = () => {}
    this.outcome = new Promise((resolve) => {
      resolveOutcome = resolve
    })
    this.#resolve = resolveOutcome
    this.#forgetDeadline = deadline.whenOver(() =>
      this.settle(this.judgeSilence(clock.now(), deadline.timeoutMs)),
    )
  }

  get wasLoaded(): boolean {
    return this.seen.cookie
  }

  get isSettled(): boolean {
    return this.#resolve === null
  }

  /** The first one counts. */
  settle(outcome: ExchangeOutcome): void {
    const resolve = this.#resolve
    if (resolve === null) return
    this.#resolve = null
    this.#hasFailed = !outcome.ok
    this.#forgetDeadline()
    resolve(outcome)
  }

  /** Handles the answer to its packet of that number, from 1, in time or late. */
  answer(packet: number, sentAtMs: number, nowMs: number): void {
    const ms = nowMs - sentAtMs
    if (packet === 1) this.isFirstAnswered = true
    if (this.isSettled) {
      if (this.#hasFailed) this.line.lateReplyMs = ms
      return
    }
    this.line.lateReplyMs = null
    this.settle({ ok: true, ms })
  }

  judgeSilence(nowMs: number, waitedMs: number): ExchangeFailure {
    const { deadline, line, seen } = this
    const waited = `within ${Math.round(waitedMs)} ms`
    if (deadline.isStarved) {
      return failure(
        'starved',
        `could not be probed: this process was not scheduled for ${Math.round(deadline.stalledMs)} ms`,
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

export const closedFailure = failure('closed', 'was not probed: the probe was closed')

export function socketFailure(error: NodeJS.ErrnoException): ExchangeFailure {
  const code = error.code ?? 'unknown error'
  switch (code) {
    case 'ECONNREFUSED':
      return failure('refused', 'has no process that listens on the port (ECONNREFUSED)')
    // A local shortage, which says nothing about the endpoint.
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOMEM':
    case 'ENOBUFS':
      return failure('starved', `could not be probed (${code})`)
    case 'ERR_CLOSED':
      return closedFailure
    default:
      return failure('unreachable', `cannot be reached (${code})`)
  }
}

/**
 * A cookie proves that the server's queue was too long. A server under more load also drops packets without a
 * reply: under a flood from its own node wireguard-go answered nothing for up to 3.1 s, and then went on. A client notices
 * nothing of such a pause: it repeats its initiation after 5 s (REKEY_TIMEOUT).
 */
const loadMemoryMs = 5_000
/**
 * The server accepts a cookie for 120 s (COOKIE_REFRESH_TIME), and sends no new one meanwhile. A shorter time
 * detects earlier whether the server is still loaded.
 */
const cookieUseMs = 1_500

function isLoaded(line: Line, nowMs: number): boolean {
  return nowMs - line.server.loadedAtMs < loadMemoryMs
}

export function usableCookie(line: Line, nowMs: number): Uint8Array | null {
  return line.cookie !== null && nowMs - line.cookie.receivedAtMs < cookieUseMs ? line.cookie.value : null
}

/** How long a reply that missed its deadline is still recognized. */
const lateReplyMs = 2_000
/** Far above the number of exchanges in normal operation. */
const exchangesKept = 512

/** Adds an exchange and removes expired ones: a map keeps the order of insertion. */
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
