import type { Clock } from '../../clock/clock.ts'
import type { KeyValue, Store } from '../../fleet/store.ts'

/** Milliseconds. */
const times = { firstPause: 500, longestPause: 15_000 } as const
/** A member that hangs must not make a view stale, and a part of a bundle takes longer. */
const callMs = (value: string | null) => (value !== null && value.length > 50_000 ? 15_000 : 4000)

/**
 * Writes what a node says into the store: of each key the newest value, again and again until it is there. Only this node
 * writes these keys, so that a write may be repeated.
 */
export class Publisher {
  readonly #store: Store
  readonly #clock: Clock
  readonly #onOutcome: (failure: string | null) => void
  readonly #pending = new Map<string, string | null>()
  #writing: Promise<void> | null = null
  #wake = () => {}
  #closed = false

  /** @param onOutcome called after each request: why it failed, or `null` */
  constructor(store: Store, clock: Clock, onOutcome: (failure: string | null) => void) {
    this.#store = store
    this.#clock = clock
    this.#onOutcome = onOutcome
  }

  /** Resolves when everything is in the store, or the publisher is closed. The values are written in their order. */
  publish(values: readonly KeyValue[]): Promise<void> {
    for (const { key, value } of values) {
      this.#pending.delete(key)
      this.#pending.set(key, value)
    }
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null
    })
    return this.#writing
  }

  close(): void {
    this.#closed = true
    this.#wake()
  }

  async #write(): Promise<void> {
    let pauseMs: number = times.firstPause
    while (!this.#closed) {
      const [next] = this.#pending
      if (next === undefined) return
      const [key, value] = next
      const written = { compares: [], writes: [{ key, value }] }
      const outcome = await this.#store.transact(written, callMs(value))
      if (this.#closed) return
      this.#onOutcome('message' in outcome ? outcome.message : null)
      if ('message' in outcome) {
        await this.#clock.sleep(pauseMs, (wake) => {
          this.#wake = wake
        })
        pauseMs = Math.min(2 * pauseMs, times.longestPause)
      } else {
        if (this.#pending.get(key) === value) this.#pending.delete(key)
        pauseMs = times.firstPause
      }
    }
  }
}
