import { createSocket, type Socket, type SocketOptions } from 'node:dgram'
import type { Clock, Timer } from '../../clock/clock.ts'
import { isLocalPortOpen } from '../../linux/udp-ports.ts'
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
  /** An error of the endpoint or of the local routing table; never a forged one. */
  error(error: NodeJS.ErrnoException): void
}

/** Milliseconds. */
const timing = {
  /** How long ICMP errors are ignored after one that could not be confirmed. */
  distrust: 60_000,
  /** How long the old port still receives. */
  linger: 2000,
  /** How long the route that the kernel has cached for a connected socket is trusted, if packets get no reply. */
  route: 1000,
  /** How long one reading of the kernel's table of ports is used: a flood of errors must not become a flood of readings. */
  reading: 20,
} as const

/** Errors that an ICMP message causes on a connected socket. The local routing table can cause some of them too. */
const icmpErrors: ReadonlySet<string | undefined> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENONET',
  'ENOPROTOOPT',
  'EPROTO',
  'EACCES',
])

/**
 * A UDP socket connected to one endpoint, so that the kernel reports a closed port and drops packets from
 * other senders. It opens when first used, and again after `reset`.
 *
 * ICMP errors are easy to forge: a sender can guess the port, and a local user can read it. So an error alone
 * proves nothing. A closed port is confirmed by the kernel's table of ports. Any other error, and a refusal
 * while the port is open, is ignored: for a minute the socket stays unconnected, so that no ICMP error reaches it. The
 * last packet is sent again from there; an error of that send comes from the local routing table. A dead endpoint is
 * detected by its timeout meanwhile.
 */
export class EndpointSocket {
  readonly endpoint: Endpoint
  readonly #events: SocketEvents
  readonly #hopLimit: number | null
  readonly #clock: Clock
  #socket: Socket | null = null
  #opening: Promise<NodeJS.ErrnoException | null> | null = null
  /** The old port: replies to packets sent from there still count. */
  #left: { readonly socket: Socket; readonly timer: Timer } | null = null
  #lastPacket: Uint8Array | null = null
  #reading: { readonly startedAtMs: number; readonly isOpen: Promise<boolean> } | null = null
  #distrustUntilMs = Number.NEGATIVE_INFINITY
  #isConnected = true
  #openedAtMs = 0

  constructor(endpoint: Endpoint, hopLimit: number | null, events: SocketEvents, clock: Clock) {
    this.endpoint = endpoint
    this.#hopLimit = hopLimit
    this.#events = events
    this.#clock = clock
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
    const { error, isConnected } = await this.#sendOnce(packet)
    // A connected socket returns the pending error of an earlier packet; then this packet was not sent.
    return error !== null && isConnected ? this.#confirm(error, packet) : error
  }

  /** Closes the socket; the next `open` uses another port. */
  reset(): void {
    this.#leave()
    this.#forgetLeft()
    this.#lastPacket = null
  }

  /**
   * Changes to another port where the kernel may now send in another way, and returns whether it did: after packets without
   * reply. The source of a connected socket is fixed: if the endpoint's address came to this node later, not every
   * WireGuard replies to it. And its route is cached: when an IPv6 address comes back to a node, Linux adds its route by
   * `lo` to the main table some time before the local one, and a socket that sends in between keeps the first, by which
   * packets are forwarded, and end at the hop limit.
   */
  async followRoute(): Promise<boolean> {
    const socket = this.#socket
    if (socket === null || !this.#isConnected || (await this.#opening) !== null) return false
    const isYoung = this.#clock.now() - this.#openedAtMs < timing.route
    const source = isYoung ? await this.#chooseSource() : null
    // Closed meanwhile, and then it has no address.
    if (socket !== this.#socket) return false
    if (isYoung && (source === null || source === socket.address().address)) return false
    this.#leave()
    // For exchanges that go on.
    void this.open()
    return true
  }

  /** `null`: there is no route. */
  #chooseSource(): Promise<string | null> {
    const socket = this.#create()
    return new Promise((resolve) => {
      const end = (source: string | null) => {
        closeQuietly(socket)
        resolve(source)
      }
      socket.once('error', () => end(null))
      // @types/node 20 declares no error for this callback; Node passes one.
      const connected = (error?: NodeJS.ErrnoException) => end(error ? null : socket.address().address)
      socket.connect(this.endpoint.port, this.endpoint.address, connected as () => void)
    })
  }

  #create(): Socket {
    const family = this.endpoint.address.includes(':') ? 6 : 4
    // The address is a literal, but Node's own lookup would still use the resolver's thread pool.
    const lookup: SocketOptions['lookup'] = (hostname, _options, callback) => callback(null, hostname, family)
    return createSocket({ type: family === 6 ? 'udp6' : 'udp4', lookup })
  }

  get #distrusts(): boolean {
    return this.#clock.now() < this.#distrustUntilMs
  }

  #open(): Promise<NodeJS.ErrnoException | null> {
    const { address, port } = this.endpoint
    const socket = this.#create()
    const isConnected = !this.#distrusts
    this.#socket = socket
    this.#isConnected = isConnected
    this.#openedAtMs = this.#clock.now()
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
          if (isConnected || this.#isEndpoint(sender)) this.#events.packet(packet)
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

  #suspect(socket: Socket, error: NodeJS.ErrnoException): void {
    if (socket !== this.#socket) return
    void this.#confirm(error, this.#lastPacket).then((confirmed) => {
      if (confirmed !== null) this.#events.error(confirmed)
    })
  }

  /**
   * The error of a connected socket, if it is proven. Otherwise the packet is sent again without a connection: the
   * local error of that, or `null`.
   */
  async #confirm(
    error: NodeJS.ErrnoException,
    packet: Uint8Array | null,
  ): Promise<NodeJS.ErrnoException | null> {
    if (!icmpErrors.has(error.code)) return error
    if (error.code === 'ECONNREFUSED' && !(await this.#isPortOpen())) return error
    // It was reset meanwhile.
    if (this.#opening === null) return null
    if (this.#isConnected) {
      this.#distrustUntilMs = this.#clock.now() + timing.distrust
      this.#leave()
    }
    const opening = await this.open()
    const local = opening ?? (packet === null ? null : (await this.#sendOnce(packet)).error)
    // It was no forgery.
    if (local !== null) this.#distrustUntilMs = Number.NEGATIVE_INFINITY
    return local
  }

  #isPortOpen(): Promise<boolean> {
    const nowMs = this.#clock.now()
    if (this.#reading === null || nowMs - this.#reading.startedAtMs >= timing.reading) {
      this.#reading = {
        startedAtMs: nowMs,
        isOpen: isLocalPortOpen(this.endpoint.address, this.endpoint.port),
      }
    }
    return this.#reading.isOpen
  }

  /** Changes to another port. */
  #leave(): void {
    const socket = this.#socket
    this.#opening = null
    this.#socket = null
    this.#isConnected = true
    if (socket === null) return
    this.#forgetLeft()
    const timer = this.#clock.after(timing.linger, () => this.#forgetLeft()).unref()
    this.#left = { socket, timer }
  }

  #forgetLeft(): void {
    if (this.#left === null) return
    this.#left.timer.cancel()
    closeQuietly(this.#left.socket)
    this.#left = null
  }

  async #sendOnce(packet: Uint8Array): Promise<Sent> {
    // Not `open`: a socket that was reset stays closed.
    const opening = this.#opening === null ? null : await this.#opening
    const isConnected = this.#isConnected
    if (opening !== null) return { error: opening, isConnected: false }
    const socket = this.#socket
    if (socket === null) return { error: closedError(), isConnected: false }
    const { port, address } = this.endpoint
    return new Promise((resolve) => {
      const sent = (error: Error | null) => resolve({ error, isConnected })
      try {
        if (isConnected) socket.send(packet, sent)
        else socket.send(packet, port, address, sent)
      } catch (error) {
        resolve({ error: error as NodeJS.ErrnoException, isConnected })
      }
    })
  }
}

interface Sent {
  readonly error: NodeJS.ErrnoException | null
  /** Whether the error may come from an ICMP message. */
  readonly isConnected: boolean
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
