import { sessionMs } from './rescue.ts'

/** The peers that have had a session here by a rescue, for as long as one lasts. Times are of the monotonic clock, in milliseconds. */
export class ReachedPeers {
  /** The oldest first. */
  readonly #atMs = new Map<string, number>()

  add(key: string, nowMs: number): void {
    for (const [oldest, atMs] of this.#atMs) {
      if (nowMs - atMs < sessionMs) break
      this.#atMs.delete(oldest)
    }
    this.#atMs.delete(key)
    this.#atMs.set(key, nowMs)
  }

  /** How long ago; infinite: never, or before that. */
  agoMs(key: string, nowMs: number): number {
    const agoMs = nowMs - (this.#atMs.get(key) ?? Number.NEGATIVE_INFINITY)
    return agoMs < sessionMs ? agoMs : Number.POSITIVE_INFINITY
  }
}
