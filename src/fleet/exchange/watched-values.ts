import type { Store, Watch } from '../store.ts'

/** The values of the keys with a prefix, as last seen: they may be older than those in the store. */
export class WatchedValues {
  #values: Map<string, string> | null = null
  readonly #watch: Watch

  constructor(store: Store, prefix: string) {
    this.#watch = store.watch(prefix, (event) => {
      if (event.event === 'snapshot') this.#values = new Map(event.values)
      else if (event.event === 'interrupted') this.#values = null
      else for (const { key, value } of event.changes) this.#take(key, value)
    })
  }

  /** `null`: not seen yet, or not any more. */
  get current(): ReadonlyMap<string, string> | null {
    return this.#values
  }

  close(): void {
    this.#watch.close()
  }

  #take(key: string, value: string | null): void {
    if (value === null) this.#values?.delete(key)
    else this.#values?.set(key, value)
  }
}
