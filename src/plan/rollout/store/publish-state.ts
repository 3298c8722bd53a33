import type { Clock } from '../../../clock/clock.ts'
import { rolloutStateKey } from '../../../fleet/rollout/keys.ts'
import type { KeyValue, Store } from '../../../fleet/store.ts'

/** Milliseconds. Every node that shows a page reads it. */
const times = { call: 5000, pause: 1000 } as const

/** Writes how far the rollout is, for the pages of all nodes. No rollout depends on it: what fails is written with the next state. */
export class StatePublisher {
  readonly #store: Store
  readonly #clock: Clock
  /** Of the lock: an engine that has lost it writes nothing. */
  readonly #fence: () => readonly KeyValue[]
  #next: string | null = null
  #written = ''
  #work: Promise<void> | null = null

  constructor(store: Store, clock: Clock, fence: () => readonly KeyValue[]) {
    this.#store = store
    this.#clock = clock
    this.#fence = fence
  }

  publish(state: object): void {
    this.#next = JSON.stringify(state)
    this.#work ??= this.#writeAll()
  }

  /** The last state is written, or could not be. */
  async end(): Promise<void> {
    await this.#work
  }

  async #writeAll(): Promise<void> {
    while (this.#next !== null) {
      const value = this.#next
      this.#next = null
      if (value === this.#written) continue
      const writes = [{ key: rolloutStateKey, value }]
      const { outcome } = await this.#store.transact({ compares: this.#fence(), writes }, times.call)
      this.#written = outcome === 'committed' ? value : ''
      if (this.#next !== null) await this.#clock.sleep(times.pause)
    }
    this.#work = null
  }
}
