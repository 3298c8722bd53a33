import { type Clock, systemClock, type Timer } from '../../clock/clock.ts'

/** Samples of the event loop per deadline, unless its owner wants more. */
const ticksPerDeadline = 6
/** The resolution of timers. */
const toleratedLateMs = 2

/**
 * The end of a whole probe. It also detects whether this process was scheduled until then. The caller cancels
 * it in a `finally`.
 */
export class Deadline {
  readonly timeoutMs: number
  readonly #clock: Clock
  readonly #dueAtMs: number
  readonly #sampleMs: number
  readonly #callbacks = new Set<() => void>()
  #timer: Timer | null = null
  #immediate: NodeJS.Immediate | null = null
  #wakeAtMs = 0
  #stalledMs = 0
  #isOver = false

  /** @param sampleMs from one sample of the event loop to the next; a stall between two samples goes unnoticed */
  constructor(timeoutMs: number, clock: Clock = systemClock, sampleMs = timeoutMs / ticksPerDeadline) {
    this.timeoutMs = timeoutMs
    this.#sampleMs = sampleMs
    this.#clock = clock
    this.#dueAtMs = clock.now() + timeoutMs
    this.#sleep()
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get remainingMs(): number {
    return Math.max(0, this.#dueAtMs - this.#clock.now())
  }

  /**
   * Whether the event loop missed more than half of the time: then a missing reply proves nothing about the other
   * side.
   */
  get isStarved(): boolean {
    return this.#stalledMs > this.timeoutMs / 2
  }

  get stalledMs(): number {
    return this.#stalledMs
  }

  /** Calls back at the deadline unless cancelled before. Returns a function that removes the callback. */
  whenOver(callback: () => void): () => void {
    this.#callbacks.add(callback)
    // A call that starts after the deadline must end too.
    if (this.#isOver) queueMicrotask(() => this.#callBack())
    return () => this.#callbacks.delete(callback)
  }

  /** Ends it before its time. */
  end(): void {
    const callbacks = [...this.#callbacks]
    this.cancel()
    this.#isOver = true
    for (const callback of callbacks) callback()
  }

  cancel(): void {
    this.#timer?.cancel()
    if (this.#immediate !== null) clearImmediate(this.#immediate)
    this.#timer = null
    this.#immediate = null
    this.#callbacks.clear()
  }

  #sleep(): void {
    const nowMs = this.#clock.now()
    const sleepMs = Math.min(this.#sampleMs, this.#dueAtMs - nowMs)
    this.#wakeAtMs = nowMs + sleepMs
    this.#timer = this.#clock.after(sleepMs, () => this.#wake())
  }

  #wake(): void {
    this.#timer = null
    const nowMs = this.#clock.now()
    const lateMs = nowMs - this.#wakeAtMs
    if (lateMs > toleratedLateMs) this.#stalledMs += lateMs
    // Timers fire up to a millisecond early by this clock.
    if (this.#dueAtMs - nowMs > 1) {
      this.#sleep()
      return
    }
    // After a stall, timers run before sockets are read: a reply that arrived in time may still be unread.
    this.#immediate = setImmediate(() => {
      this.#immediate = null
      this.#isOver = true
      this.#callBack()
    })
  }

  #callBack(): void {
    const callbacks = [...this.#callbacks]
    this.#callbacks.clear()
    for (const callback of callbacks) callback()
  }
}
