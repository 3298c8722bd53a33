import { createSocket, type Socket, type SocketOptions } from 'node:dgram'

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
  error(error: NodeJS.ErrnoException): void
}

/**
 * A UDP socket connected to one endpoint: so the kernel reports a closed port, and filters out every
 * other sender. It opens when first used, and again after `reset`.
 */
export class EndpointSocket {
  readonly endpoint: Endpoint
  readonly #events: SocketEvents
  readonly #hopLimit: number | null
  #socket: Socket | null = null
  #opening: Promise<NodeJS.ErrnoException | null> | null = null

  constructor(endpoint: Endpoint, hopLimit: number | null, events: SocketEvents) {
    this.endpoint = endpoint
    this.#hopLimit = hopLimit
    this.#events = events
  }

  /** `null` when it is open. */
  open(): Promise<NodeJS.ErrnoException | null> {
    this.#opening ??= this.#connect()
    return this.#opening
  }

  /** `null` when the kernel took the packet. */
  async send(packet: Uint8Array): Promise<NodeJS.ErrnoException | null> {
    const error = await this.#sendOnce(packet)
    // A send reports, and swallows, the error that an earlier packet met; this packet was not sent then.
    return error?.code === 'ECONNREFUSED' ? this.#sendOnce(packet) : error
  }

  /** Closes; the next `open` starts afresh, from another port. */
  reset(): void {
    this.#opening = null
    const socket = this.#socket
    this.#socket = null
    if (socket !== null) closeQuietly(socket)
  }

  #connect(): Promise<NodeJS.ErrnoException | null> {
    const { address, port } = this.endpoint
    const family = address.includes(':') ? 6 : 4
    // The address is a literal: Node's own lookup would pass it through the resolver's thread pool all the same.
    const lookup: SocketOptions['lookup'] = (hostname, _options, callback) => callback(null, hostname, family)
    const socket = createSocket({ type: family === 6 ? 'udp6' : 'udp4', lookup })
    this.#socket = socket
    return new Promise((resolve) => {
      const fail = (error: NodeJS.ErrnoException) => {
        if (this.#socket === socket) this.reset()
        else closeQuietly(socket)
        resolve(error)
      }
      socket.once('error', fail)
      // @types/node 20 has no error in this callback's signature; Node gives one.
      const connected = (error?: NodeJS.ErrnoException) => {
        if (error) return fail(error)
        socket.off('error', fail)
        socket.on('message', (packet) => this.#events.packet(packet))
        socket.on('error', (later: NodeJS.ErrnoException) => this.#events.error(later))
        if (this.#hopLimit !== null) socket.setTTL(this.#hopLimit)
        resolve(null)
      }
      socket.connect(port, address, connected as () => void)
    })
  }

  #sendOnce(packet: Uint8Array): Promise<NodeJS.ErrnoException | null> {
    const socket = this.#socket
    if (socket === null) return Promise.resolve(Object.assign(new Error('closed'), { code: 'ERR_CLOSED' }))
    return new Promise((resolve) => {
      try {
        socket.send(packet, (error) => resolve(error))
      } catch (error) {
        resolve(error as NodeJS.ErrnoException)
      }
    })
  }
}

function closeQuietly(socket: Socket): void {
  socket.removeAllListeners()
  // A socket that fails while it closes has nobody left to tell.
  socket.on('error', () => {})
  try {
    socket.close()
  } catch {
    // It never opened.
  }
}
