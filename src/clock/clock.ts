/** The source of time for all code that measures or waits. Tests replace it. */
export interface Clock {
  /** Monotonic milliseconds, valid in this process only. */
  now(): number
  /** Milliseconds since 1970, for people, logs and files. */
  wall(): number
  /** Calls `work` once after the delay. */
  after(delayMs: number, work: () => void): Timer
  /** Waits; `onWaker` is given a function that ends the wait early. */
  sleep(delayMs: number, onWaker?: (wake: () => void) => void): Promise<void>
}

export interface Timer {
  /** Idempotent. */
  cancel(): void
  /** Lets the process end before the delay is over. */
  unref(): Timer
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delayMs, work) {
    const timeout = setTimeout(work, delayMs)
    const timer: Timer = {
      cancel: () => clearTimeout(timeout),
      unref() {
        timeout.unref()
        return timer
      },
    }
    return timer
  },
  sleep: (delayMs, onWaker) =>
    new Promise((resolve) => {
      const timer = systemClock.after(delayMs, resolve)
      onWaker?.(() => {
        timer.cancel()
        resolve()
      })
    }),
}
