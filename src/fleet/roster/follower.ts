import { constants, type ServerHttp2Stream } from 'node:http2'

/** Bytes that may wait for one follower, which then is cut off and starts again. */
export const mostWaiting = 4 * 2 ** 20
/** Keepalives that a follower may miss because it reads nothing. */
const mostMissed = 10

/**
 * A node that reads this node's stream: first a snapshot, as fast as it reads, then what has changed. What does not fit into
 * its connection waits here; if that is too much, or takes too long, the stream ends.
 */
export class Follower {
  readonly node: string
  readonly #stream: ServerHttp2Stream
  readonly #snapshot: Iterator<Buffer>
  readonly #waiting: Buffer[] = []
  #waitingBytes = 0
  #snapshotDone = false
  #isBlocked = false
  #isOver = false
  #isScheduled = false
  #missed = 0

  /** @param snapshot frames, made as they are sent */
  constructor(node: string, stream: ServerHttp2Stream, snapshot: Iterator<Buffer>) {
    this.node = node
    this.#stream = stream
    this.#snapshot = snapshot
    stream.on('drain', () => {
      this.#isBlocked = false
      this.#pump()
    })
    this.#schedule()
  }

  get isOver(): boolean {
    return this.#isOver || this.#stream.destroyed
  }

  /** In order, after the snapshot. */
  send(frame: Buffer): void {
    if (this.isOver) return
    if (this.#snapshotDone && !this.#isBlocked) {
      this.#isBlocked = !this.#stream.write(frame)
      return
    }
    this.#waiting.push(frame)
    this.#waitingBytes += frame.length
    if (this.#waitingBytes > mostWaiting) this.cut()
  }

  /** Before everything that waits. */
  sendNow(frame: Buffer): void {
    if (this.isOver) return
    if (!this.#stream.write(frame)) this.#isBlocked = true
    if (this.#stream.writableLength > mostWaiting) this.cut()
  }

  /** As `sendNow`, but a follower that reads nothing is spared it, and is cut off if that goes on. */
  keepAlive(frame: Buffer): void {
    this.#missed = this.#isBlocked ? this.#missed + 1 : 0
    if (this.#missed > mostMissed) this.cut()
    else if (!this.#isBlocked) this.sendNow(frame)
  }

  /** The last frame, and an orderly end. */
  end(last: Buffer): void {
    if (this.isOver) return
    this.#isOver = true
    this.#stream.end(last)
  }

  cut(): void {
    this.#isOver = true
    this.#waiting.length = 0
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }

  /** One frame of the snapshot a turn of the event loop: others have to wait for it. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.isOver || this.#isBlocked) return
    if (!this.#snapshotDone) {
      const next = this.#snapshot.next()
      if (next.done !== true) {
        this.#isBlocked = !this.#stream.write(next.value)
        if (!this.#isBlocked) this.#schedule()
        return
      }
      this.#snapshotDone = true
    }
    while (!this.#isBlocked && this.#waiting.length > 0) {
      const frame = this.#waiting.shift()!
      this.#waitingBytes -= frame.length
      this.#isBlocked = !this.#stream.write(frame)
    }
  }
}
