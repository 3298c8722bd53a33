/** The controller's clock, which tests can replace. */
export interface Clock {
  /** Monotonic milliseconds, valid in this process only. */
  now(): number
  /** Milliseconds since 1970, for people and logs only. */
  wall(): number
  /** Waits; `onWaker` is given a function that ends the wait early. */
  sleep(delayMs: number, onWaker?: (wake: () => void) => void): Promise<void>
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  sleep: (delayMs, onWaker) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs)
      onWaker?.(() => {
        clearTimeout(timer)
        resolve()
      })
    }),
}
