import { createSocket, type Socket, type SocketOptions } from 'node:dgram'
import { setTimeout as delay } from 'node:timers/promises'
import { parseAddress } from '../../net/prefix.ts'

/** An address (IPv4, or IPv6 without brackets) and a UDP port. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

export function formatEndpoint(endpoint: Endpoint): string {
  return endpoint.address.includes(':')
    ? `[${endpoint.address}]:${endpoint.port}`
    : `${endpoint.address}:${endpoint.port}`
}

interface SocketEvents {
  packet(packet: Buffer): void
  /** An error that a second socket, on another port, received too. */
  error(error: NodeJS.ErrnoException): void
}

/** Milliseconds. */
const timing = {
  /** A later error on the second port counts as a first error again. */
  doubt: 500,
  /** The time for a pending reply to arrive before the second error is reported. */
  reply: 10,
  /** How long errors are ignored after a reply has refuted one. */
  distrust: 60_000,
  /** How long the old port still receives. */
  linger: 2000,
} as const

/** Errors that an ICMP message causes on a connected socket. The local routing table can cause some of them too. */
const icmpErrors: ReadonlySet<string | undefined> = new Set([
  ...[
    'ECONNREFUSED',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'EHOSTDOWN',
    'ENONET',
    'ENOPROTOOPT',
    'EPROTO',
    'EACCES',
  ],
])

/**
 * A UDP socket connected to one endpoint, so that the kernel reports a closed port and drops packets from
 * other senders. It opens when first used, and again after `reset`.
 *
 * ICMP errors are easy to forge: a sender can guess the port, and a local user can read it. So one error
 * proves nothing. The last packet is sent again from a new port, and the error is reported only if it occurs
 * there too. A reply refutes the error: then the socket stays unconnected for a minute, so that no ICMP error
 * reaches it, and a dead endpoint is detected by its timeout.
 */
export class EndpointSocket {
  readonly endpoint: Endpoint
  readonly #events: SocketEvents
  readonly #hopLimit: number | null
  #socket: Socket | null = null
  #opening: Promise<NodeJS.ErrnoException | null> | null = null
  /** The old port: replies to packets sent from there still count. */
  #left: { readonly socket: Socket; readonly timer: NodeJS.Timeout } | null = null
  #lastPacket: Uint8Array | null = null
  /** Set from the first error until a second one, a reply or the time limit. */
  #doubt: { readonly sinceMs: number } | null = null
  #distrustUntilMs = Number.NEGATIVE_INFINITY
  #isConnected = true

  constructor(endpoint: Endpoint, hopLimit: number | null, events: SocketEvents) {
    this.endpoint = endpoint
    this.#hopLimit = hopLimit
    this.#events = events
  }

  /** `null` when it is open. */
  open(): Promise<NodeJS.ErrnoException | null> {
    if (!this.#isConnected && !this.#distrusts) this.#leave()
    this.#opening ??= this.#open()
    return this.#opening
  }

  /** `null` if the kernel accepted the packet. */
  async send(packet: Uint8Array): Promise<NodeJS.ErrnoException | null> {
    this.#lastPacket = packet
    const error = await this.#sendOnce(packet)
    // A send returns the pending error of an earlier packet; then this packet was not sent.
    return error === null ? null : this.#confirm(error)
  }

  /** Closes the socket; the next `open` uses another port. */
  reset(): void {
    this.#leave()
    this.#forgetLeft()
    this.#doubt = null
    this.#lastPacket = null
  }

  get #distrusts(): boolean {
    return performance.now() < this.#distrustUntilMs
  }

  #open(): Promise<NodeJS.ErrnoException | null> {
    const { address, port } = this.endpoint
    const family = address.includes(':') ? 6 : 4
    // The address is a literal, but Node's own lookup would still use the resolver's thread pool.
    const lookup: SocketOptions['lookup'] = (hostname, _options, callback) => callback(null, hostname, family)
    const socket = createSocket({ type: family === 6 ? 'udp6' : 'udp4', lookup })
    const isConnected = !this.#distrusts
    this.#socket = socket
    this.#isConnected = isConnected
    return new Promise((resolve) => {
      const fail = (error: NodeJS.ErrnoException) => {
        if (this.#socket === socket) {
          this.#socket = null
          this.#opening = null
        }
        closeQuietly(socket)
        resolve(error)
      }
      socket.once('error', fail)
      // Otherwise a caller that waits for `open` would wait for ever.
      socket.once('close', () => resolve(closedError()))
      // @types/node 20 declares no error for this callback; Node passes one.
      const opened = (error?: NodeJS.ErrnoException) => {
        if (error) return fail(error)
        socket.off('error', fail)
        socket.on('message', (packet, sender) => {
          if (isConnected || this.#isEndpoint(sender)) this.#hear(packet)
        })
        socket.on('error', (later: NodeJS.ErrnoException) => this.#suspect(socket, later))
        if (this.#hopLimit !== null) socket.setTTL(this.#hopLimit)
        resolve(null)
      }
      if (isConnected) socket.connect(port, address, opened as () => void)
      else socket.bind({ port: 0, exclusive: true }, () => opened())
    })
  }

  #isEndpoint(sender: Endpoint): boolean {
    return (
      sender.port === this.endpoint.port && canonical(sender.address) === canonical(this.endpoint.address)
    )
  }

  #hear(packet: Buffer): void {
    if (this.#doubt !== null) {
      this.#doubt = null
      this.#distrustUntilMs = performance.now() + timing.distrust
      this.#leave()
      void this.open()
    }
    this.#events.packet(packet)
  }

  #suspect(socket: Socket, error: NodeJS.ErrnoException): void {
    if (socket !== this.#socket) return
    void this.#confirm(error).then((confirmed) => {
      if (confirmed !== null) this.#events.error(confirmed)
    })
  }

  /** The error if a second port confirmed it, otherwise `null`. */
  async #confirm(error: NodeJS.ErrnoException): Promise<NodeJS.ErrnoException | null> {
    if (!icmpErrors.has(error.code) || !this.#isConnected) return error
    const nowMs = performance.now()
    const before = this.#doubt
    if (before !== null && nowMs - before.sinceMs < timing.doubt) {
      await delay(timing.reply)
      if (this.#doubt !== before) return null
      this.#doubt = null
      return error
    }
    const doubt = { sinceMs: nowMs }
    this.#doubt = doubt
    this.#leave()
    const opening = await this.open()
    if (this.#doubt !== doubt) return null
    if (opening !== null) this.#doubt = null
    if (opening !== null || this.#lastPacket === null) return opening
    const again = await this.#sendOnce(this.#lastPacket)
    return again === null || this.#doubt !== doubt ? null : this.#confirm(again)
  }

  /** Changes to another port. */
  #leave(): void {
    const socket = this.#socket
    this.#opening = null
    this.#socket = null
    this.#isConnected = true
    if (socket === null) return
    this.#forgetLeft()
    const timer = setTimeout(() => this.#forgetLeft(), timing.linger)
    timer.unref()
    this.#left = { socket, timer }
  }

  #forgetLeft(): void {
    if (this.#left === null) return
    clearTimeout(this.#left.timer)
    closeQuietly(this.#left.socket)
    this.#left = null
  }

  async #sendOnce(packet: Uint8Array): Promise<NodeJS.ErrnoException | null> {
    // Not `open`: a socket that was reset stays closed.
    const opening = this.#opening === null ? null : await this.#opening
    if (opening !== null) return opening
    const socket = this.#socket
    if (socket === null) return closedError()
    const { port, address } = this.endpoint
    return new Promise((resolve) => {
      const sent = (error: Error | null) => resolve(error)
      try {
        if (this.#isConnected) socket.send(packet, sent)
        else socket.send(packet, port, address, sent)
      } catch (error) {
        resolve(error as NodeJS.ErrnoException)
      }
    })
  }
}

function canonical(address: string): string {
  const parsed = parseAddress(address)
  return parsed.ok ? parsed.value.toString() : address
}

function closedError(): NodeJS.ErrnoException {
  return Object.assign(new Error('closed'), { code: 'ERR_CLOSED' })
}

function closeQuietly(socket: Socket): void {
  socket.removeAllListeners('message').removeAllListeners('error')
  // An error during close has no receiver.
  socket.on('error', () => {})
  try {
    socket.close()
  } catch {
    // It never opened.
  }
}
