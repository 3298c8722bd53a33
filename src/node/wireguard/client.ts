import { randomInt } from 'node:crypto'
import { type Clock, systemClock, type Timer } from '../../clock/clock.ts'
import type { Deadline } from './deadline.ts'
import { type Endpoint, EndpointSocket, formatEndpoint } from './endpoint-socket.ts'
import {
  type AskOptions,
  closedFailure,
  Exchange,
  type ExchangeFailure,
  type ExchangeOutcome,
  failure,
  hasTimeForAnother,
  keepExchange,
  type Line,
  socketFailure,
} from './exchange.ts'
import { Handshakes } from './handshakes.ts'
import { Conversations, type InnerOutcome } from './inner/conversations.ts'
import { buildEchoRequest, readEchoReply } from './inner/icmp.ts'
import type { IpRoute } from './inner/ip.ts'
import { keyPairOf } from './key.ts'
import { macKeys, messageType, receiverIndex } from './messages.ts'
import { prepareInitiator } from './noise.ts'
import { Session } from './session.ts'
import { TimestampSource } from './timestamp.ts'

export interface WireguardClientOptions {
  /** 32 bytes. */
  readonly privateKey: Uint8Array
  readonly serverPublicKey: Uint8Array
  readonly presharedKey: Uint8Array | null
  /** Endpoints of one server: it keeps one session for our key, and sends to the endpoint it last received from. */
  readonly endpoints: readonly Endpoint[]
  readonly timestamps?: TimestampSource
  /** 1 prevents our packets from reaching another site with the same anycast address. */
  readonly hopLimit?: number
  readonly clock?: Clock
}

/** The server replies in the previous session until it receives a packet in the newest one. */
const sessionsKept = 3

interface PendingEcho {
  readonly exchange: Exchange
  readonly route: IpRoute
  /** Its number within the exchange, from 1. */
  readonly packet: number
  readonly sentAtMs: number
}

/** A client with one key for one WireGuard server and its endpoints. Calls may overlap. */
export class WireguardClient {
  /** Ours: 32 bytes. */
  readonly publicKey: Buffer
  readonly #clock: Clock
  readonly #lines = new Map<string, Line>()
  readonly #handshakes: Handshakes
  readonly #echoes = new Map<number, PendingEcho>()
  readonly #conversations: Conversations
  readonly #echoIdentifier = randomInt(0x10000)
  #echoSequence = 0
  /** The newest first. */
  #sessions: Session[] = []
  #lastHeardOn: Line | null = null
  #isClosed = false

  /** Throws TypeError if the server's public key yields no shared secret. */
  constructor(options: WireguardClientOptions) {
    const own = keyPairOf(options.privateKey)
    const keys = prepareInitiator(own, options.serverPublicKey, options.presharedKey)
    if (keys === null) throw new TypeError("the server's public key is a point of low order")
    this.publicKey = own.publicKey
    this.#clock = options.clock ?? systemClock
    this.#handshakes = new Handshakes({
      keys,
      macs: macKeys(own.publicKey, options.serverPublicKey),
      timestamps: options.timestamps ?? new TimestampSource(),
      clock: this.#clock,
      send: (exchange, packet) => this.#send(exchange, packet),
      establish: (session, line, nowMs) => {
        this.#sessions = [new Session(session, nowMs), ...this.#sessions].slice(0, sessionsKept)
        this.#lastHeardOn = line
      },
      isIndexTaken: (index) => this.#sessions.some((session) => session.localIndex === index),
    })
    this.#conversations = new Conversations(this.#clock)
    const server = { loadedAtMs: Number.NEGATIVE_INFINITY }
    for (const endpoint of options.endpoints) {
      const socket = new EndpointSocket(
        endpoint,
        options.hopLimit ?? null,
        {
          packet: (packet) => this.#receive(line, packet),
          error: (error) => this.#breakLine(line, socketFailure(error)),
        },
        this.#clock,
      )
      const line: Line = { socket, server, cookie: null, lateReplyMs: null }
      this.#lines.set(formatEndpoint(endpoint), line)
    }
  }

  /** The age in milliseconds of the session that a ping would use; `null` without a session. */
  get sessionAgeMs(): number | null {
    const session = this.#liveSession()
    return session === null ? null : this.#clock.now() - session.createdAtMs
  }

  /** Completes a handshake through that endpoint; on success the session is established. */
  async handshake(
    endpoint: Endpoint,
    deadline: Deadline,
    options: AskOptions = {},
  ): Promise<ExchangeOutcome> {
    const line = this.#lineOf(endpoint)
    const closed = await this.#openLine(line)
    if (closed !== null) return closed
    if (!(await this.#handshakes.awaitSlot(deadline))) {
      return failure('starved', 'could not be probed: too many handshakes are waiting for their turn')
    }
    if (this.#isClosed) return closedFailure
    const outcome = await this.#handshakes.run(line, deadline, options)
    if (!outcome.ok && outcome.cause === 'no-reply') void this.#followRoute(line)
    return outcome
  }

  async #followRoute(line: Line): Promise<void> {
    // A cookie is bound to the old source address and port.
    if (await line.socket.followRoute()) line.cookie = null
  }

  /**
   * An ICMP echo inside the live session, sent to that endpoint, and repeated without a reply. The reply may come in from
   * another one.
   */
  async ping(
    endpoint: Endpoint,
    route: IpRoute,
    deadline: Deadline,
    { everyMs = deadline.remainingMs / 4, onAsked }: AskOptions = {},
  ): Promise<ExchangeOutcome> {
    const line = this.#lineOf(endpoint)
    const closed = await this.#openLine(line)
    if (closed !== null) return closed
    if (this.#liveSession() === null) {
      return failure('no-session', 'could not be pinged: there is no live session')
    }
    const exchange = new Exchange(line, deadline, this.#clock)
    let timer: Timer | null = null
    const stop = () => timer?.cancel()
    const send = () => {
      this.#sendEcho(exchange, route)
      timer = hasTimeForAnother(deadline, everyMs) ? this.#clock.after(everyMs, send) : null
    }
    send()
    onAsked?.(exchange)
    const outcome = await exchange.outcome
    stop()
    return outcome
  }

  /**
   * In the session that is the newest by then. Before a packet has come in that, the server drops it for the next initiation that it
   * accepts, and the answer to that may be lost: a repeated echo is sent in the last proven session too.
   */
  #sendEcho(exchange: Exchange, route: IpRoute): void {
    const newest = this.#liveSession()
    if (newest === null) return
    const sentAtMs = this.#clock.now()
    const isRepeated = exchange.packets > 0
    const proven = this.#sessions.find((session) => session.isProven && session.isUsable(sentAtMs))
    for (const session of isRepeated && proven ? new Set([newest, proven]) : [newest]) {
      exchange.packets += 1
      this.#echoSequence = (this.#echoSequence + 1) % 0x10000
      const pending = { exchange, route, packet: exchange.packets, sentAtMs }
      keepExchange(this.#echoes, sentAtMs, this.#echoSequence, pending)
      this.#send(exchange, session.seal(buildEchoRequest(route, this.#echoIdentifier, this.#echoSequence)))
    }
  }

  /**
   * Sends the caller's IP packet in the live session to the endpoint that last replied, and repeats it until
   * `read` accepts a reply.
   */
  async exchange<Reply>(
    packet: Buffer,
    read: (inner: Buffer) => Reply | null,
    deadline: Deadline,
  ): Promise<InnerOutcome<Reply>> {
    const line = this.#lastHeardOn
    if (line === null || this.#liveSession() === null) return failure('no-session', 'has no live session')
    const closed = await this.#openLine(line)
    return closed ?? this.#conversations.hold(() => this.tell(packet), read, deadline)
  }

  /** Sends an IP packet that needs no reply, in the live session if there is one. */
  tell(packet: Buffer): void {
    const session = this.#liveSession()
    if (session !== null) void this.#lastHeardOn?.socket.send(session.seal(packet))
  }

  /** Ends every pending call with the cause `closed`, and closes the sockets. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const exchange of this.#exchanges()) exchange.settle(closedFailure)
    this.#conversations.end()
    this.#handshakes.clear()
    this.#echoes.clear()
    // The last packet acknowledges the server's last echo reply. Without it the server starts to send initiations
    // after 15 s, for 90 s, to a closed port.
    const session = this.#liveSession()
    if (session !== null && this.#lastHeardOn !== null)
      await this.#lastHeardOn.socket.send(session.seal(Buffer.alloc(0)))
    for (const line of this.#lines.values()) line.socket.reset()
    this.#sessions = []
  }

  #lineOf(endpoint: Endpoint): Line {
    const line = this.#lines.get(formatEndpoint(endpoint))
    if (line === undefined) throw new TypeError(`${formatEndpoint(endpoint)} is no endpoint of this client`)
    return line
  }

  async #openLine(line: Line): Promise<ExchangeFailure | null> {
    if (this.#isClosed) return closedFailure
    const error = await line.socket.open()
    if (this.#isClosed) {
      line.socket.reset()
      return closedFailure
    }
    return error === null ? null : socketFailure(error)
  }

  #liveSession(): Session | null {
    const newest = this.#sessions[0]
    return newest?.isUsable(this.#clock.now()) ? newest : null
  }

  #send(exchange: Exchange, packet: Buffer): void {
    void exchange.line.socket.send(packet).then((error) => {
      if (error !== null && !exchange.isSettled) this.#breakLine(exchange.line, socketFailure(error))
    })
  }

  #breakLine(line: Line, outcome: ExchangeFailure): void {
    for (const exchange of this.#exchanges()) if (exchange.line === line) exchange.settle(outcome)
    if (outcome.cause !== 'unreachable') return
    // The source address was fixed when the socket was connected, and may have left the node since.
    line.socket.reset()
    // A cookie is bound to the old source port.
    line.cookie = null
  }

  #receive(line: Line, packet: Buffer): void {
    if (this.#isClosed) return
    const type = messageType(packet)
    switch (type) {
      case null:
        for (const exchange of this.#exchanges()) if (exchange.line === line) exchange.seen.malformed = true
        return
      case 'initiation':
        // An initiation from the server: this client only initiates.
        return
      case 'response':
        this.#handshakes.receiveResponse(packet)
        return
      case 'cookie-reply':
        this.#handshakes.receiveCookie(line, packet)
        return
      case 'transport':
        this.#receiveTransport(line, packet)
        return
    }
  }

  #receiveTransport(line: Line, packet: Buffer): void {
    const index = receiverIndex(packet, 'transport')
    const nowMs = this.#clock.now()
    const session = this.#sessions.find((candidate) => candidate.localIndex === index)
    if (session === undefined || !session.isUsable(nowMs)) return
    const inner = session.open(packet)
    if (inner === null) return
    this.#lastHeardOn = line
    const reply = readEchoReply(inner)
    if (reply?.identifier !== this.#echoIdentifier) {
      this.#conversations.hear(inner)
      return
    }
    const pending = this.#echoes.get(reply.sequence)
    if (pending === undefined) return
    const { route, exchange, packet: number, sentAtMs } = pending
    if (!reply.source.equals(route.target) || !reply.target.equals(route.source)) return
    this.#echoes.delete(reply.sequence)
    exchange.answer(number, sentAtMs, nowMs)
  }

  *#exchanges(): Generator<Exchange> {
    yield* this.#handshakes.exchanges()
    for (const { exchange } of this.#echoes.values()) yield exchange
  }
}
