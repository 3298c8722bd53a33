/** What requested a round. */
export type Cause = 'start' | 'schedule' | 'signal'

/** Rounds of work that never overlap: requests during a round lead to one more after it, however many there are. */
export class Rounds {
  readonly #work: (cause: Cause) => Promise<void>
  #next: Cause | null = null
  #running: Promise<void> | null = null
  #stopped = false

  /** @param work does not reject */
  constructor(work: (cause: Cause) => Promise<void>) {
    this.#work = work
  }

  /** Resolves when no work is left. */
  request(cause: Cause): Promise<void> {
    if (this.#stopped) return this.#running ?? Promise.resolve()
    this.#next = cause
    this.#running ??= this.#run()
    return this.#running
  }

  /** Starts no more rounds. Resolves when the current one has ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#next = null
    await this.#running
  }

  async #run(): Promise<void> {
    try {
      while (this.#next !== null) {
        const cause = this.#next
        this.#next = null
        await this.#work(cause)
      }
    } finally {
      this.#running = null
    }
  }
}
