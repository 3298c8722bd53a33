import { type Clock, systemClock } from '../../clock/clock.ts'
import type { Diagnosis, DiagnosisCause } from './diagnose.ts'
import { DiagnosisQueue } from './diagnosis-queue.ts'

export interface DiagnosisWatchOptions {
  readonly diagnose: (signal: AbortSignal) => Promise<Diagnosis>
  /** Whether `wg` waits for a process, which may hang. The kernel always answers, and then a late `wg` says nothing. */
  readonly mayHang?: () => boolean
  /** Called once if a diagnosis is impossible: with the name of the missing program. */
  readonly onMissingProgram: (program: string) => void
  /** Shared by all diagnoses on this node. */
  readonly queue?: DiagnosisQueue
  readonly clock?: Clock
}

/** The diagnosis as one cycle uses it. */
export interface DiagnosisShare {
  /** The current result. */
  cause(): DiagnosisCause | null
  /** How long its start has blocked this process since the watch began, in milliseconds. */
  blockedMs(): number
  /** The cycle has ended: a diagnosis that has not started is cancelled. */
  end(): void
}

/**
 * A diagnosis starts three processes, and each start blocks this process for some 10 ms, or 50 on a busy machine: too much
 * for each of five silent or slow cycles a second.
 */
const spacingMs = 1_000
/** After this time `wg` waits for a process that hangs; on a busy machine it answers sooner. */
const hungAfterMs = 400
/** The time limit of a diagnosis. */
const diagnosisLimitMs = 2_000

/** Starts a diagnosis when a cycle gets no reply, one at a time, and shares it between cycles that overlap. */
export class DiagnosisWatch {
  readonly #options: DiagnosisWatchOptions
  readonly #queue: DiagnosisQueue
  readonly #clock: Clock
  readonly #begin = () => {
    if (this.#running === null) void this.#run()
  }
  #running: { readonly since: number; readonly abort: AbortController } | null = null
  #beganAt = Number.NEGATIVE_INFINITY
  /** The last result since the last reply. */
  #cause: DiagnosisCause | null = null
  #isAvailable = true
  #blockedMs = 0

  constructor(options: DiagnosisWatchOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#queue = options.queue ?? new DiagnosisQueue(this.#clock)
  }

  /**
   * The diagnosis starts after `patienceMs`, unless the cycle has ended by then, or this process was not scheduled in time:
   * then it is late itself, and so are the replies.
   */
  watch(patienceMs: number): DiagnosisShare {
    const since = this.#clock.now()
    const blockedBefore = this.#blockedMs
    const timer = this.#clock.after(patienceMs, () => {
      const now = this.#clock.now()
      const isLate = now - since > 2 * patienceMs
      const isRecent = now - this.#beganAt < spacingMs
      if (this.#isAvailable && this.#running === null && !isRecent && !isLate) this.#queue.enter(this.#begin)
    })
    return {
      cause: () => {
        const waitedMs = this.#running === null ? 0 : this.#clock.now() - this.#running.since
        const isHung = waitedMs >= hungAfterMs && (this.#options.mayHang?.() ?? true)
        return isHung ? 'hung' : this.#cause
      },
      blockedMs: () => this.#blockedMs - blockedBefore,
      end: () => timer.cancel(),
    }
  }

  /** The endpoint replied, or no cycle is left: the last diagnosis is outdated. */
  forget(): void {
    this.#cause = null
    this.#queue.leave(this.#begin)
    this.#running?.abort.abort()
    this.#running = null
  }

  async #run(): Promise<void> {
    const run = { since: this.#clock.now(), abort: new AbortController() }
    this.#running = run
    this.#beganAt = run.since
    const timer = this.#clock.after(diagnosisLimitMs, () => run.abort.abort())
    const pending = this.#options.diagnose(run.abort.signal)
    this.#blockedMs += this.#clock.now() - run.since
    const diagnosis = await pending
    timer.cancel()
    if (this.#running !== run) return
    this.#running = null
    if (diagnosis === 'no-wg') {
      this.#isAvailable = false
      this.#options.onMissingProgram('wg')
      return
    }
    this.#cause = diagnosis
  }
}
