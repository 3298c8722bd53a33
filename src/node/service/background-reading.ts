import type { Clock } from '../../clock/clock.ts'

/** After that, in milliseconds, a reading hangs, and what the one before it found is not true any more. */
const hungMs = 30_000

/** What a reading found that starts when it is asked for and old, and that nothing waits for. */
export class BackgroundReading<T> {
  readonly #read: () => Promise<T>
  readonly #everyMs: number
  readonly #clock: Pick<Clock, 'now'>
  #found: T | null = null
  #startedAt = Number.NEGATIVE_INFINITY
  #isRunning = false

  constructor(read: () => Promise<T>, everyMs: number, clock: Pick<Clock, 'now'>) {
    this.#read = read
    this.#everyMs = everyMs
    this.#clock = clock
  }

  /** What the last one that has ended found; `null`: none has, it failed, or the one after it hangs. */
  get(): T | null {
    const now = this.#clock.now()
    if (this.#isRunning) return now - this.#startedAt < hungMs ? this.#found : null
    if (now - this.#startedAt >= this.#everyMs) {
      this.#isRunning = true
      this.#startedAt = now
      void this.#read()
        .then(
          (found) => found,
          () => null,
        )
        .then((found) => {
          this.#found = found
          this.#isRunning = false
        })
    }
    return this.#found
  }
}
