import type { Clock } from '../../clock/clock.ts'

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

  /** What the last one that has ended found; `null`: none has, or it failed. */
  get(): T | null {
    if (!this.#isRunning && this.#clock.now() - this.#startedAt >= this.#everyMs) {
      this.#isRunning = true
      this.#startedAt = this.#clock.now()
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
