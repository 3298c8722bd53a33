import type { Endpoint } from './endpoint.ts'
import { type StrayCounters, type StrayWatchOptions, Watcher } from './watcher.ts'

export type { Endpoint } from './endpoint.ts'
export type { StrayService } from './ruleset.ts'
export { StrayWatchError } from './stray-error.ts'
export type { StrayCounters, StrayWatchOptions } from './watcher.ts'

export interface StrayWatch {
  /** Whether packets are seen now. */
  readonly isWatching: boolean
  /** Why not, as was passed to `onError`; `null`: they are, or it has not started yet. */
  readonly failure: string | null
  /**
   * By the clock. Before it, packets of sessions that this node has may be reported, because they began before the table was
   * made. Infinity while there is no table.
   */
  readonly learningUntilMs: number
  readonly counters: Readonly<StrayCounters>
  /** Changes the endpoints of a service. Several peers may have one endpoint; the last of them removes it. */
  setRoster(service: string, added: Iterable<Endpoint>, removed: Iterable<Endpoint>): void
  /** Resolves when the watch has ended, with its processes and its table. */
  readonly ended: Promise<void>
  close(): Promise<void>
}

/**
 * Reports packets of clients whose session is at another site. The kernel learns the session indices that this node gives to
 * its clients, and logs what arrives from a roster endpoint for another index.
 */
export function openStrayWatch(options: StrayWatchOptions): StrayWatch {
  const watcher = new Watcher(options)
  const ended = watcher.run()
  return {
    get isWatching() {
      return watcher.isWatching
    },
    get failure() {
      return watcher.failure
    },
    get learningUntilMs() {
      return watcher.learningUntilMs
    },
    get counters() {
      return watcher.counters
    },
    setRoster: (service, added, removed) => watcher.setRoster(service, added, removed),
    ended,
    close: () => {
      watcher.stop()
      return ended
    },
  }
}
