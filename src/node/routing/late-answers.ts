import { once } from 'node:events'
import type { Socket } from 'node:net'

const bounds = { connections: 4, bytes: 64 * 1024 * 1024, ms: 5 * 60_000, closeMs: 2000 } as const

/**
 * Connections with an answer that has passed its deadline, or is not wanted any more. BIRD 3.1.8, bgpd and zebra 10.3 end
 * with a segmentation fault if such a connection is closed while they write the answer. Therefore only this end's direction
 * is closed: the daemon sees that after the answer, and closes its own. Until then the answer is read, and none of it is kept.
 */
export class LateAnswers {
  readonly #sockets = new Set<Socket>()

  add(socket: Socket): void {
    for (const event of ['data', 'error', 'close']) socket.removeAllListeners(event)
    const timer = setTimeout(() => socket.destroy(), bounds.ms).unref()
    let bytes = 0
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > bounds.bytes) socket.destroy()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(timer)
      this.#sockets.delete(socket)
    })
    socket.unref()
    socket.end()
    // The oldest: its answer is the most likely one to be complete.
    if (this.#sockets.size === bounds.connections) [...this.#sockets][0]!.destroy()
    this.#sockets.add(socket)
  }

  /** Resolves when the daemon has closed them, after two seconds at most. */
  async end(): Promise<void> {
    const closed = Promise.all([...this.#sockets].map((socket) => once(socket, 'close')))
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, bounds.closeMs)
      void closed.then(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}
