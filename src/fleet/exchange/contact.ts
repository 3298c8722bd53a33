import type { Clock } from '../../clock/clock.ts'

/** Whether the store carries out what this node asks of it. Times are of its wall clock. */
export interface StoreContact {
  /** `null`: it has not answered yet. */
  readonly ok: boolean | null
  /** When that began: where it is not ok, the last time that it was. */
  readonly sinceMs: number
  readonly problem: string | null
}

/** Follows whether the store answers. */
export class Contact {
  readonly #clock: Clock
  #lastOkMs: number
  state: StoreContact

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lastOkMs = clock.wall()
    this.state = { ok: null, sinceMs: this.#lastOkMs, problem: null }
  }

  /** @param problem `null`: the store has answered */
  note(problem: string | null): void {
    const ok = problem === null
    const nowMs = this.#clock.wall()
    if (ok) this.#lastOkMs = nowMs
    if (this.state.ok === ok && this.state.problem === problem) return
    const sinceMs = this.state.ok === ok ? this.state.sinceMs : ok ? nowMs : this.#lastOkMs
    this.state = { ok, sinceMs, problem }
  }
}
