import type { Store, Watch } from '../store.ts'

/** The values of the keys with a prefix, as last seen: they may be older than those in the store. */
export class WatchedValues {
  #values = new Map<string, string>()
  #isCurrent = false
  readonly #watch: Watch

  constructor(store: Store, prefix: string) {
    this.#watch = store.watch(prefix, (event) => {
      this.#isCurrent = event.event !== 'interrupted'
      if (event.event === 'snapshot') this.#values = new Map(event.values)
      else if (event.event === 'changes') for (const { key, value } of event.changes) this.#take(key, value)
    })
  }

  /** Also of before an interruption. */
  get last(): ReadonlyMap<string, string> {
    return this.#values
  }

  /** `null`: not seen yet, or not any more. */
  get current(): ReadonlyMap<string, string> | null {
    return this.#isCurrent ? this.#values : null
  }

  close(): void {
    this.#watch.close()
  }

  #take(key: string, value: string | null): void {
    if (value === null) this.#values.delete(key)
    else this.#values.set(key, value)
  }
}
