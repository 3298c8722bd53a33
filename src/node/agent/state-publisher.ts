import { join } from 'node:path'
import {
  digestOf,
  filesToCopy,
  type LoadedBundle,
  loadBundle,
  manifestName,
  readFileOf,
} from '../../bundle/read.ts'
import { statementName } from '../../bundle/statement.ts'
import type { Clock, Timer } from '../../clock/clock.ts'
import type { NodeName } from '../../fleet/exchange/keys.ts'
import { Queue } from '../../fleet/queue.ts'
import { chunksOf, packArchive } from '../../fleet/rollout/archive.ts'
import { installedFolder, viewKey } from '../../fleet/rollout/keys.ts'
import { type NodeState, readNodeState, shorten } from '../../fleet/rollout/messages.ts'
import type { Store } from '../../fleet/store.ts'
import type { NodeSteps } from './node-steps.ts'
import { Publisher } from './publisher.ts'
import type { Reachability } from './reachability.ts'

/** Milliseconds. */
const times = { call: 4000, lookEvery: 1000, sayEvery: 3000 } as const
const mostBytes = 64 * 2 ** 20

export interface StateParts {
  readonly store: Store
  readonly clock: Clock
  readonly self: NodeName
  readonly steps: Pick<NodeSteps, 'bundleDir' | 'look'>
  readonly reachability: Reachability
  /** Called with the installed bundle, at the start and when there is another. */
  readonly onInstalled: (bundle: LoadedBundle) => void
}

/** Tells the store which bundle is installed, and what the controller says: each change at once, and again every 3 s. */
export class StatePublisher {
  readonly #parts: StateParts
  readonly #publisher: Publisher
  readonly #queue = new Queue()
  #installed: { readonly text: string; readonly said: NodeState['installed'] } | null = null
  #number: number | null = null
  #said = ''
  #saidAt = Number.NEGATIVE_INFINITY
  #next: Timer | null = null
  #closed = false

  constructor(parts: StateParts) {
    this.#parts = parts
    this.#publisher = new Publisher(parts.store, parts.clock, (failure) => parts.reachability.take(failure))
  }

  start(): void {
    void this.#queue
      .add(async () => void (await this.#look()))
      .finally(() => {
        if (!this.#closed) this.#next = this.#parts.clock.after(times.lookEvery, () => this.start())
      })
  }

  /** Resolves when the node's state of now is in the store, or this is closed. */
  async publishNow(): Promise<void> {
    const { written } = await this.#queue.add(() => this.#look())
    await written
  }

  close(): void {
    this.#closed = true
    this.#next?.cancel()
    this.#publisher.close()
  }

  async #look(): Promise<{ written: Promise<void> }> {
    const { clock, self, steps } = this.#parts
    this.#number ??= await this.#readNumber()
    if (this.#number === null || this.#closed) return { written: Promise.resolve() }
    const { said: installed, chunks } = await this.#readInstalled()
    const seen = await steps.look()
    const state = {
      installed,
      view: seen.outcome === 'seen' ? seen.view : null,
      problem: seen.outcome === 'seen' ? null : shorten(seen.problem),
    }
    const said = JSON.stringify(state)
    const now = clock.now()
    if (said === this.#said && now - this.#saidAt < times.sayEvery) return { written: Promise.resolve() }
    this.#said = said
    this.#saidAt = now
    this.#number += 1
    const value: NodeState = { format: 1, number: this.#number, ...state }
    const written = this.#publisher.publish([...chunks, { key: viewKey(self), value: JSON.stringify(value) }])
    return { written }
  }

  /** Above all earlier ones, also if the store has lost them, unless the clock was set back. `null`: not known yet. */
  async #readNumber(): Promise<number | null> {
    const { store, clock, self, reachability } = this.#parts
    const key = viewKey(self)
    const read = await store.read([{ key }], times.call)
    reachability.take(read.outcome === 'read' ? null : read.message)
    if (read.outcome !== 'read') return null
    return Math.max(Math.floor(clock.wall()), readNodeState(read.values.get(key) ?? '')?.number ?? 0)
  }

  async #readInstalled() {
    const { self, steps, onInstalled } = this.#parts
    const text = await readText(steps.bundleDir)
    if (text === this.#installed?.text) return { said: this.#installed.said, chunks: [] }
    const bundle = text === null ? null : await loadBundle(steps.bundleDir).catch(() => null)
    // An apply may be replacing it: the next look tells.
    if (text === null || bundle === null) return { said: null, chunks: [] }
    const archive = await packArchive(filesToCopy(bundle))
    const said = { digest: digestOf(bundle), archive: archive?.ref ?? null }
    this.#installed = { text, said }
    onInstalled(bundle)
    return { said, chunks: archive === null ? [] : chunksOf(archive, installedFolder(self)) }
  }
}

/** What differs between two bundles; `null`: there is none. */
async function readText(dir: string): Promise<string | null> {
  try {
    const read = (name: string) => readFileOf(join(dir, name), mostBytes, '')
    const manifest = await read(manifestName)
    return manifest === null ? null : `${manifest}${(await read(statementName)) ?? ''}`
  } catch {
    return null
  }
}
