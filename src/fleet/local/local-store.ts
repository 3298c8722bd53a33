import { type Clock, systemClock, type Timer } from '../../clock/clock.ts'
import { Queue } from '../queue.ts'
import type {
  Failed,
  KeyValue,
  ReadOutcome,
  Selection,
  Store,
  Transaction,
  TransactOutcome,
  Watch,
  WatchEvent,
} from '../store.ts'
import { SharedLog, type SharedLogOptions } from './shared-log.ts'

export interface LocalStoreOptions extends SharedLogOptions {
  readonly clock?: Clock
  /** How often a watch looks for changes of other processes, in ms. */
  readonly lookEveryMs?: number
}

interface Watcher {
  readonly prefix: string
  readonly onEvent: (event: WatchEvent) => void
  state: 'new' | 'watching' | 'interrupted'
}

/** For processes of one machine, which share a folder: the lab, and tests. It does not survive a power loss. */
export class LocalStore implements Store {
  readonly #clock: Clock
  readonly #lookEveryMs: number
  readonly #log: SharedLog
  readonly #watchers = new Set<Watcher>()
  readonly #queue = new Queue()
  #nextLook: Timer | null = null
  #closed = false

  constructor(dir: string, options: LocalStoreOptions = {}) {
    this.#clock = options.clock ?? systemClock
    this.#lookEveryMs = options.lookEveryMs ?? 50
    this.#log = new SharedLog(
      dir,
      (step) => {
        for (const watcher of this.#watchers) {
          if (watcher.state !== 'watching') continue
          if (step.step === 'reset') watcher.state = 'new'
          else sendChanges(watcher, step.changes)
        }
      },
      options,
    )
  }

  read(selection: readonly Selection[], withinMs: number): Promise<ReadOutcome> {
    return this.#run<ReadOutcome>(withinMs, async () => {
      await this.#log.catchUp()
      const values = [...this.#log.values].filter(([key]) => selection.some((part) => isSelected(key, part)))
      return { outcome: 'read', values: new Map(values.sort(([a], [b]) => (a < b ? -1 : 1))) }
    })
  }

  transact({ compares, writes }: Transaction, withinMs: number): Promise<TransactOutcome> {
    return this.#run<TransactOutcome>(withinMs, async (isLate) => {
      if (new Set(writes.map(({ key }) => key)).size < writes.length) {
        return { outcome: 'refused', message: 'a key is written twice' }
      }
      for (;;) {
        await this.#log.catchUp()
        const { values } = this.#log
        if (compares.some(({ key, value }) => (values.get(key) ?? null) !== value))
          return { outcome: 'conflict' }
        if (isLate()) return tooLate
        if (await this.#log.append(writes)) return { outcome: 'committed' }
      }
    })
  }

  watch(prefix: string, onEvent: (event: WatchEvent) => void): Watch {
    const watcher: Watcher = { prefix, onEvent, state: 'new' }
    this.#watchers.add(watcher)
    this.#look()
    return { close: () => void this.#watchers.delete(watcher) }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#watchers.clear()
    this.#nextLook?.cancel()
    await this.#queue.ended()
  }

  /** Lets the watches see what other processes have added, and does so again while there are any. */
  #look(): void {
    this.#nextLook?.cancel()
    const look = async () => {
      await this.#log.catchUp()
      for (const watcher of this.#watchers) {
        if (watcher.state !== 'watching') sendSnapshot(watcher, this.#log.values)
        watcher.state = 'watching'
      }
    }
    const interrupt = (error: unknown) => {
      for (const watcher of this.#watchers) {
        if (watcher.state !== 'interrupted')
          watcher.onEvent({ event: 'interrupted', message: messageOf(error) })
        watcher.state = 'interrupted'
      }
    }
    const lookLater = () => {
      this.#nextLook?.cancel()
      if (this.#watchers.size === 0) return
      this.#nextLook = this.#clock.after(this.#lookEveryMs, () => this.#look())
    }
    void this.#queue.add(look).catch(interrupt).then(lookLater)
  }

  /** The work goes on after the time: then its outcome is unknown. */
  #run<T>(withinMs: number, work: (isLate: () => boolean) => Promise<T | Failed>): Promise<T | Failed> {
    const endsAtMs = this.#clock.now() + withinMs
    const isLate = () => this.#clock.now() >= endsAtMs
    return new Promise((resolve) => {
      const timer = this.#clock.after(withinMs, () => resolve(tooLate))
      const end = (outcome: T | Failed) => {
        timer.cancel()
        resolve(outcome)
      }
      // An error of the file system comes before link(2) has succeeded.
      const work_ = async () => (isLate() || this.#closed ? tooLate : work(isLate))
      this.#queue
        .add(work_)
        .then(end, (error: unknown) => end({ outcome: 'refused', message: messageOf(error) }))
    })
  }
}

const tooLate: Failed = { outcome: 'unknown', message: 'no reply in time' }

function isSelected(key: string, part: Selection): boolean {
  return 'key' in part ? key === part.key : key.startsWith(part.prefix)
}

function sendSnapshot({ prefix, onEvent }: Watcher, all: ReadonlyMap<string, string>): void {
  const values = [...all].filter(([key]) => key.startsWith(prefix))
  onEvent({ event: 'snapshot', values: new Map(values) })
}

function sendChanges({ prefix, onEvent }: Watcher, all: readonly KeyValue[]): void {
  const changes = all.filter(({ key }) => key.startsWith(prefix))
  if (changes.length > 0) onEvent({ event: 'changes', changes })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
