import type { Socket } from 'node:net'

interface Connection {
  /** The connection has not sent a whole request yet. */
  isIdle: boolean
  readonly deadline: NodeJS.Timeout
}

/**
 * The open connections of a server, at most `most`, each for at most `lifetimeMs`. A further connection replaces the
 * oldest that has sent no request, so that idle connections do not lock others out.
 */
export class Connections {
  readonly #most: number
  readonly #lifetimeMs: number
  /** The oldest first. */
  readonly #open = new Map<Socket, Connection>()

  constructor({ most, lifetimeMs }: { most: number; lifetimeMs: number }) {
    this.#most = most
    this.#lifetimeMs = lifetimeMs
  }

  get size(): number {
    return this.#open.size
  }

  add(socket: Socket): void {
    if (this.#open.size >= this.#most) {
      const oldest = [...this.#open].find(([, { isIdle }]) => isIdle)?.[0]
      if (oldest === undefined) {
        socket.destroy()
        return
      }
      this.#end(oldest)
    }
    const deadline = setTimeout(() => this.#end(socket), this.#lifetimeMs)
    this.#open.set(socket, { isIdle: true, deadline })
    socket.once('close', () => this.#forget(socket))
  }

  /** Takes the one request of a connection. `false` for any further request. */
  takeRequest(socket: Socket): boolean {
    const connection = this.#open.get(socket)
    if (connection === undefined || !connection.isIdle) return false
    connection.isIdle = false
    return true
  }

  endAll(): void {
    for (const socket of [...this.#open.keys()]) this.#end(socket)
  }

  #end(socket: Socket): void {
    this.#forget(socket)
    socket.destroy()
  }

  #forget(socket: Socket): void {
    clearTimeout(this.#open.get(socket)?.deadline)
    this.#open.delete(socket)
  }
}
