import { type Clock, systemClock, type Timer } from '../../clock/clock.ts'

/**
 * To start one takes some 25 ms of this process. The interval leaves time for the probes when a hundred services
 * fail at once; without it their probes would be too late to detect the recovery.
 */
const spacingMs = 200

/** Starts the diagnoses of a node's services one after another, in the order of the requests. */
export class DiagnosisQueue {
  readonly #waiting = new Set<() => void>()
  #pause: Timer | null = null
  readonly #clock: Clock

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** Starts now or in turn. A diagnosis that waits already is not added twice. */
  enter(begin: () => void): void {
    this.#waiting.add(begin)
    if (this.#pause === null) this.#beginNext()
  }

  leave(begin: () => void): void {
    this.#waiting.delete(begin)
  }

  #beginNext(): void {
    this.#pause = null
    for (const begin of this.#waiting) {
      this.#waiting.delete(begin)
      this.#pause = this.#clock.after(spacingMs, () => this.#beginNext()).unref()
      begin()
      return
    }
  }
}
