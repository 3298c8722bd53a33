import type { Socket } from 'node:net'

/** The longest time of each part of a connection's life. */
export interface ConnectionTimes {
  /** From the connection to the end of the request's header. */
  readonly requestMs: number
  /** From there to the answer; a body arrives in this time too. */
  readonly answerMs: number
  /** From there until the client has read it. */
  readonly readMs: number
}

interface Connection {
  isIdle: boolean
  deadline: NodeJS.Timeout
}

/**
 * The open connections of a server, at most `most`. Each ends when it is slow. A further connection replaces the oldest
 * that has sent no request, so that idle connections do not lock others out.
 */
export class Connections {
  readonly #most: number
  readonly #times: ConnectionTimes
  /** The oldest first. */
  readonly #open = new Map<Socket, Connection>()

  constructor({ most, times }: { most: number; times: ConnectionTimes }) {
    this.#most = most
    this.#times = times
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
    this.#open.set(socket, { isIdle: true, deadline: this.#endAfter(this.#times.requestMs, socket) })
    socket.once('close', () => this.#forget(socket))
  }

  /** Takes the one request of a connection. `false` for any further request. */
  takeRequest(socket: Socket): boolean {
    const connection = this.#open.get(socket)
    if (connection === undefined || !connection.isIdle) return false
    connection.isIdle = false
    this.#extend(socket, connection, this.#times.answerMs)
    return true
  }

  /** The answer is on its way. */
  answer(socket: Socket): void {
    const connection = this.#open.get(socket)
    if (connection !== undefined) this.#extend(socket, connection, this.#times.readMs)
  }

  /** The connection goes on as this socket: it is encrypted. `false`: it has ended. */
  replace(before: Socket, after: Socket): boolean {
    const connection = this.#open.get(before)
    if (connection === undefined) return false
    this.#forget(before)
    this.add(after)
    return this.#open.has(after)
  }

  /** The connection is a stream from now on, which LiveStreams ends. */
  release(socket: Socket): void {
    this.#forget(socket)
  }

  endAll(): void {
    for (const socket of [...this.#open.keys()]) this.#end(socket)
  }

  #extend(socket: Socket, connection: Connection, ms: number): void {
    clearTimeout(connection.deadline)
    connection.deadline = this.#endAfter(ms, socket)
  }

  #endAfter(ms: number, socket: Socket): NodeJS.Timeout {
    return setTimeout(() => this.#end(socket), ms)
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
