import type { Clock } from '../../clock/clock.ts'
import type { Log } from '../../telemetry/log.ts'

/** How often it may be logged that the store is lost. */
const everyMs = 60_000

/** Logs that the store does not answer, and that it does again: one line each. */
export class Reachability {
  readonly #log: Log
  readonly #clock: Clock
  /** Whether the store has answered the last request; `null`: there was none. */
  isReached: boolean | null = null
  #isLost = false
  #isLogged = false
  #loggedAt = Number.NEGATIVE_INFINITY

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** @param failure of a request; `null`: the store has answered */
  take(failure: string | null): void {
    this.isReached = failure === null
    if (failure === null) {
      if (this.#isLogged) this.#log.info({ event: 'store' }, 'the store answers again')
      this.#isLost = false
      this.#isLogged = false
      return
    }
    const now = this.#clock.now()
    if (this.#isLost || now - this.#loggedAt < everyMs) return
    this.#isLost = true
    this.#isLogged = true
    this.#loggedAt = now
    const message = `the store: ${failure}; this node stays as it is until the store answers`
    this.#log.warn({ event: 'store', cause: failure }, message)
  }
}
