import type { Diagnosis, DiagnosisCause } from './diagnose.ts'

export interface DiagnosisWatchOptions {
  readonly diagnose: (signal: AbortSignal) => Promise<Diagnosis>
  /** Called once, where the diagnosis can't be had: the name of the missing program. */
  readonly onMissingProgram: (program: string) => void
}

/** One cycle's share in the diagnosis. */
export interface DiagnosisShare {
  /** What is known now; a diagnosis that still waits for its answer means that WireGuard hangs. */
  cause(): DiagnosisCause | null
  /** Gives up what this cycle has started. */
  end(): void
}

/** Three processes a diagnosis are too many to start for each of five failing cycles a second. */
const diagnosisLifeMs = 1_000

/** Starts a diagnosis when a cycle is silent, one at a time, and shares it between cycles that overlap. */
export class DiagnosisWatch {
  readonly #options: DiagnosisWatchOptions
  #isWaiting = false
  #latest: { readonly cause: DiagnosisCause | null; readonly atMs: number } | null = null
  #isAvailable = true
  #answers = 0

  constructor(options: DiagnosisWatchOptions) {
    this.#options = options
  }

  /** The diagnosis begins after `patienceMs`, unless the share has ended by then. */
  watch(patienceMs: number): DiagnosisShare {
    const abort = new AbortController()
    const timer = setTimeout(() => {
      if (this.#isAvailable && !this.#isWaiting && this.#recentCause() === undefined) {
        void this.#run(abort.signal, patienceMs)
      }
    }, patienceMs)
    return {
      cause: () => (this.#isWaiting ? 'hung' : (this.#recentCause() ?? null)),
      end: () => {
        clearTimeout(timer)
        abort.abort()
      },
    }
  }

  /** The endpoint answered: what was diagnosed before is history. */
  forget(): void {
    this.#latest = null
    this.#answers += 1
  }

  async #run(signal: AbortSignal, patienceMs: number): Promise<void> {
    this.#isWaiting = true
    const startedAtMs = performance.now()
    const answersBefore = this.#answers
    try {
      const diagnosis = await this.#options.diagnose(signal)
      if (diagnosis === 'no-wg') {
        this.#isAvailable = false
        this.#options.onMissingProgram('wg')
        return
      }
      const nowMs = performance.now()
      // Its cycle ended early, or another was answered: then giving up does not mean that WireGuard hangs.
      const wasCutShort = signal.aborted && nowMs - startedAtMs < patienceMs
      if (wasCutShort || this.#answers !== answersBefore) return
      this.#latest = { cause: diagnosis, atMs: nowMs }
    } finally {
      this.#isWaiting = false
    }
  }

  /** `undefined`: there is none. */
  #recentCause(): DiagnosisCause | null | undefined {
    if (this.#latest === null || performance.now() - this.#latest.atMs > diagnosisLifeMs) return undefined
    return this.#latest.cause
  }
}
