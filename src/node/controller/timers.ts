import type { Clock, Timer } from '../../clock/clock.ts'

/** A group of timers that end together. */
export class Timers {
  readonly #clock: Clock
  readonly #running = new Set<Timer>()
  #ended = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Calls `work` after `delayMs` and then at each interval, without drift. `lateMs` is how late the call is. Calls that
   * were missed while the process was stopped are skipped.
   */
  every(intervalMs: number, work: (lateMs: number) => unknown, delayMs = 0): void {
    let next = this.#clock.now() + delayMs
    const tick = () => {
      if (timer !== undefined) this.#running.delete(timer)
      if (this.#ended) return
      work(Math.max(0, this.#clock.now() - next))
      const now = this.#clock.now()
      next += intervalMs
      if (next < now) next = now + intervalMs - ((now - next) % intervalMs)
      sleep(next - now)
    }
    const sleep = (ms: number) => {
      timer = this.#clock.after(ms, tick)
      this.#running.add(timer)
    }
    let timer: Timer | undefined
    if (delayMs === 0) tick()
    else sleep(delayMs)
  }

  end(): void {
    this.#ended = true
    for (const timer of this.#running) timer.cancel()
    this.#running.clear()
  }
}
