import { randomInt } from 'node:crypto'
import type { Clock, Timer } from '../../clock/clock.ts'
import type { Deadline } from './deadline.ts'
import {
  type AskOptions,
  Exchange,
  type ExchangeOutcome,
  hasTimeForAnother,
  keepExchange,
  type Line,
  usableCookie,
} from './exchange.ts'
import { generateKeyPair } from './key.ts'
import {
  buildInitiation,
  type Initiation,
  type MacKeys,
  readCookieReply,
  readResponse,
  receiverIndex,
  withCookieMac,
} from './messages.ts'
import type { InitiatorKeys } from './noise.ts'
import type { SessionKeys } from './session.ts'
import type { TimestampSource } from './timestamp.ts'

/** The kernel's WireGuard and wireguard-go drop an initiation that arrives within 20 ms of the last one. */
export const initiationSpacingMs = 30

interface PendingHandshake {
  readonly exchange: Exchange
  readonly initiation: Initiation
  /** Its number within the exchange, from 1. */
  readonly packet: number
  /** Its number within the client. */
  readonly order: number
  readonly sentAtMs: number
}

interface HandshakeOptions {
  readonly keys: InitiatorKeys
  readonly macs: MacKeys
  readonly timestamps: TimestampSource
  readonly clock: Clock
  /** Sends a packet on the line of its exchange. */
  readonly send: (exchange: Exchange, packet: Buffer) => void
  /** An answer has come through that line, to an initiation later than all that were answered before. */
  readonly establish: (keys: SessionKeys, line: Line, nowMs: number) => void
  /** Whether a session has that local index. */
  readonly isIndexTaken: (index: number) => boolean
}

/** The handshakes of one client: their initiations, which share one spacing, and the replies to them. */
export class Handshakes {
  readonly #options: HandshakeOptions
  readonly #clock: Clock
  readonly #pending = new Map<number, PendingHandshake>()
  readonly #cookieRetries = new WeakMap<Exchange, number>()
  #nextInitiationAtMs = 0
  #initiations = 0
  /** The number of the initiation whose session is the newest. */
  #established = 0

  constructor(options: HandshakeOptions) {
    this.#options = options
    this.#clock = options.clock
  }

  /** Resolves when an initiation may be sent; `false` if that is after the deadline. */
  async awaitSlot(deadline: Deadline): Promise<boolean> {
    const nowMs = this.#clock.now()
    const slotMs = Math.max(nowMs, this.#nextInitiationAtMs)
    if (slotMs - nowMs >= deadline.remainingMs) return false
    this.#nextInitiationAtMs = slotMs + initiationSpacingMs
    if (slotMs > nowMs) await this.#clock.sleep(slotMs - nowMs)
    return !deadline.isOver
  }

  /** One handshake, in the slot that `awaitSlot` gave. Without an answer it is initiated again each `everyMs`. */
  async run(line: Line, deadline: Deadline, { everyMs, onAsked }: AskOptions = {}): Promise<ExchangeOutcome> {
    const exchange = new Exchange(line, deadline, this.#clock)
    this.#initiate(exchange, true)
    onAsked?.(exchange)
    const stopInsisting = this.#insist(exchange, everyMs ?? deadline.remainingMs / 3)
    const outcome = await exchange.outcome
    stopInsisting()
    return outcome
  }

  receiveResponse(packet: Buffer): void {
    const { keys: own, macs, establish } = this.#options
    const pending = this.#pending.get(receiverIndex(packet, 'response'))
    if (pending === undefined) return
    const { exchange, initiation, order } = pending
    const keys = readResponse(own, macs, initiation, packet)
    if (keys === null) {
      exchange.seen.unauthenticated = true
      return
    }
    this.#pending.delete(initiation.index)
    const nowMs = this.#clock.now()
    // The server has dropped the session of an initiation before the one that it answered last: also where the answer
    // comes late, or an earlier one has ended the handshake.
    if (order > this.#established) {
      this.#established = order
      establish(keys, exchange.line, nowMs)
    }
    exchange.answer(pending.packet, pending.sentAtMs, nowMs)
  }

  receiveCookie(line: Line, packet: Buffer): void {
    const pending = this.#pending.get(receiverIndex(packet, 'cookie-reply'))
    if (pending === undefined || pending.exchange.line !== line) return
    const cookie = readCookieReply(this.#options.macs, pending.initiation, packet)
    if (cookie === null) {
      pending.exchange.seen.unauthenticated = true
      return
    }
    const { exchange } = pending
    line.cookie = { value: cookie, receivedAtMs: this.#clock.now() }
    line.server.loadedAtMs = line.cookie.receivedAtMs
    exchange.seen.cookie = true
    const retries = this.#cookieRetries.get(exchange) ?? 0
    // Bounded: a server that never accepts its own cookie must not cause a flood.
    if (exchange.isSettled || retries >= 2) return
    this.#cookieRetries.set(exchange, retries + 1)
    this.#send(pending, true)
  }

  /** Those that wait for a reply, and those whose late reply would still be recognized. */
  *exchanges(): Generator<Exchange> {
    for (const { exchange } of this.#pending.values()) yield exchange
  }

  clear(): void {
    this.#pending.clear()
  }

  #initiate(exchange: Exchange, withCookie: boolean): void {
    const { keys, macs, timestamps } = this.#options
    const initiation = buildInitiation(keys, macs, this.#freeIndex(), generateKeyPair(), timestamps.next())
    exchange.packets += 1
    this.#initiations += 1
    const sentAtMs = this.#clock.now()
    const pending = { exchange, initiation, packet: exchange.packets, order: this.#initiations, sentAtMs }
    keepExchange(this.#pending, sentAtMs, initiation.index, pending)
    this.#send(pending, withCookie)
  }

  #send({ exchange, initiation }: PendingHandshake, withCookie: boolean): void {
    const nowMs = this.#clock.now()
    const cookie = withCookie ? usableCookie(exchange.line, nowMs) : null
    this.#nextInitiationAtMs = Math.max(this.#nextInitiationAtMs, nowMs + initiationSpacingMs)
    this.#options.send(exchange, withCookieMac(initiation.packet, cookie))
  }

  /**
   * The initiation or its response may be lost, and a loaded server drops initiations when its queue is full, also those
   * with a valid mac2. The next one is a new initiation: a server that has answered the first would drop its
   * repetition as a replay, and its lost response would not be sent again. Every second one has no mac2, so that a
   * loaded server answers with a new cookie.
   */
  #insist(exchange: Exchange, everyMs: number): () => void {
    let withCookie = true
    let timer: Timer | null = null
    const wait = () => {
      timer = hasTimeForAnother(exchange.deadline, everyMs) ? this.#clock.after(everyMs, again) : null
    }
    const again = () => {
      if (exchange.isSettled) return
      if (this.#clock.now() >= this.#nextInitiationAtMs) {
        this.#initiate(exchange, withCookie)
        withCookie = !withCookie
      }
      wait()
    }
    wait()
    return () => timer?.cancel()
  }

  #freeIndex(): number {
    for (;;) {
      const index = randomInt(2 ** 32)
      const isTaken = this.#pending.has(index) || this.#options.isIndexTaken(index)
      if (!isTaken) return index
    }
  }
}
