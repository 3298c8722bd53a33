import { randomInt } from 'node:crypto'
import type { Clock } from '../../clock/clock.ts'
import type { Deadline } from './deadline.ts'
import { Exchange, type ExchangeOutcome, keepExchange, type Line, usableCookie } from './exchange.ts'
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
  cookieRetries: number
}

interface HandshakeOptions {
  readonly keys: InitiatorKeys
  readonly macs: MacKeys
  readonly timestamps: TimestampSource
  readonly clock: Clock
  /** Sends a packet on the line of its exchange. */
  readonly send: (exchange: Exchange, packet: Buffer) => void
  /** A handshake has ended in time, through that line. */
  readonly establish: (keys: SessionKeys, line: Line, nowMs: number) => void
  /** Whether a session has that local index. */
  readonly isIndexTaken: (index: number) => boolean
}

/** The handshakes of one client: their initiations, which share one spacing, and the replies to them. */
export class Handshakes {
  readonly #options: HandshakeOptions
  readonly #clock: Clock
  readonly #pending = new Map<number, PendingHandshake>()
  #nextInitiationAtMs = 0

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

  /** One handshake, in the slot that `awaitSlot` gave. */
  async run(line: Line, deadline: Deadline): Promise<ExchangeOutcome> {
    const { keys, macs, timestamps } = this.#options
    const exchange = new Exchange(line, deadline, this.#clock)
    const initiation = buildInitiation(keys, macs, this.#freeIndex(), generateKeyPair(), timestamps.next())
    const pending: PendingHandshake = { exchange, initiation, cookieRetries: 0 }
    keepExchange(this.#pending, this.#clock.now(), initiation.index, pending)
    this.#sendInitiation(pending, true)
    const stopInsisting = this.#insist(pending)
    const outcome = await exchange.outcome
    stopInsisting()
    return outcome
  }

  receiveResponse(packet: Buffer): void {
    const { keys: own, macs, establish } = this.#options
    const pending = this.#pending.get(receiverIndex(packet, 'response'))
    if (pending === undefined) return
    const { exchange, initiation } = pending
    const keys = readResponse(own, macs, initiation, packet)
    if (keys === null) {
      exchange.seen.unauthenticated = true
      return
    }
    this.#pending.delete(initiation.index)
    const nowMs = this.#clock.now()
    if (!exchange.isSettled) establish(keys, exchange.line, nowMs)
    exchange.answer(nowMs)
  }

  receiveCookie(line: Line, packet: Buffer): void {
    const pending = this.#pending.get(receiverIndex(packet, 'cookie-reply'))
    if (pending === undefined || pending.exchange.line !== line) return
    const cookie = readCookieReply(this.#options.macs, pending.initiation, packet)
    if (cookie === null) {
      pending.exchange.seen.unauthenticated = true
      return
    }
    line.cookie = { value: cookie, receivedAtMs: this.#clock.now() }
    line.server.loadedAtMs = line.cookie.receivedAtMs
    pending.exchange.seen.cookie = true
    // Bounded: a server that never accepts its own cookie must not cause a flood.
    if (pending.exchange.isSettled || pending.cookieRetries >= 2) return
    pending.cookieRetries += 1
    this.#sendInitiation(pending, true)
  }

  /** Those that wait for a reply, and those whose late reply would still be recognized. */
  *exchanges(): Generator<Exchange> {
    for (const { exchange } of this.#pending.values()) yield exchange
  }

  clear(): void {
    this.#pending.clear()
  }

  #sendInitiation(pending: PendingHandshake, withCookie: boolean): void {
    const { exchange, initiation } = pending
    const cookie = withCookie ? usableCookie(exchange.line, this.#clock.now()) : null
    this.#nextInitiationAtMs = Math.max(this.#nextInitiationAtMs, this.#clock.now() + initiationSpacingMs)
    this.#options.send(exchange, withCookieMac(initiation.packet, cookie))
  }

  /**
   * A loaded server drops initiations when its queue is full, also those with a valid mac2, so the same
   * packet is sent again. The last attempt has no mac2, so that a loaded server answers with a new cookie. A
   * server that accepted the first one drops the others as replays.
   */
  #insist(pending: PendingHandshake): () => void {
    const { exchange } = pending
    const again = (withCookie: boolean) => {
      const mayInitiate = this.#clock.now() >= this.#nextInitiationAtMs
      if (mayInitiate && !exchange.isSettled) this.#sendInitiation(pending, withCookie)
    }
    const thirdMs = exchange.deadline.remainingMs / 3
    const timers = [
      this.#clock.after(thirdMs, () => again(true)),
      this.#clock.after(2 * thirdMs, () => again(false)),
    ]
    return () => {
      for (const timer of timers) timer.cancel()
    }
  }

  #freeIndex(): number {
    for (;;) {
      const index = randomInt(2 ** 32)
      const isTaken = this.#pending.has(index) || this.#options.isIndexTaken(index)
      if (!isTaken) return index
    }
  }
}
