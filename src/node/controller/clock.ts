/** Time for the controller, so that tests can hold it still. */
export interface Clock {
  /** Milliseconds that never go back; they mean nothing outside this process. */
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
