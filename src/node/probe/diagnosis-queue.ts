/**
 * To start one takes some 25 ms of this process. So far apart, a hundred services that are silent at once leave it
 * the time for their probes: without it they would all be too late to find that they are well again.
 */
const spacingMs = 200

/** Has the diagnoses of a node's services begin one after another, in the order they were asked for. */
export class DiagnosisQueue {
  readonly #waiting = new Set<() => void>()
  #pause: NodeJS.Timeout | null = null

  /** Begins now, or in its turn. What waits already is not asked for twice. */
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
      this.#pause = setTimeout(() => this.#beginNext(), spacingMs).unref()
      begin()
      return
    }
  }
}
