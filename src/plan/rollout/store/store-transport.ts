import { digestOf, filesToCopy, loadReceived } from '../../../bundle/read.ts'
import { again } from '../../../change/again.ts'
import { readChange } from '../../../change/read-change.ts'
import {
  type Change,
  type ChangeResult,
  type Installed,
  type RolloutTransport,
  type Target,
  TransportError,
} from '../../../change/transport.ts'
import type { Seen } from '../../../change/view.ts'
import { type Clock, systemClock } from '../../../clock/clock.ts'
import { type Archive, mostMegabytes, packArchive, readArchive } from '../../../fleet/rollout/archive.ts'
import { installedFolder, reportKey, reportPrefix, targetKey } from '../../../fleet/rollout/keys.ts'
import {
  type ChangeReport,
  type RolloutTarget,
  readReport,
  readTarget,
  seenOf,
} from '../../../fleet/rollout/messages.ts'
import type { KeyValue, Store, Watch } from '../../../fleet/store.ts'
import { ConfigError } from '../../../text/issue.ts'
import { AgentViews } from './agent-views.ts'
import { archiveEntry, removeArchives, writeArchive } from './archives.ts'
import { readValues } from './read-values.ts'

/** Milliseconds. */
const times = {
  call: 15_000,
  poll: 100,
  /** How long a request is tried again, and how long an agent may say nothing of a change. */
  retry: 60_000,
  inspect: 10_000,
  retryPause: 1000,
  /** Of a change, in addition to the drain: an apply waits twice for the sessions, and then for the next controller. */
  change: 600_000,
} as const

export interface StoreTransportOptions {
  readonly store: Store
  readonly siteOf: (node: string) => string
  readonly createNonce: () => string
  /** What each order compares in its transaction. */
  readonly fence: () => readonly KeyValue[]
  readonly clock?: Clock
}

/** Reaches nodes through their agents: targets and bundles go into a store, reports and views come out of it. */
export class StoreTransport implements RolloutTransport {
  readonly #options: StoreTransportOptions
  readonly #clock: Clock
  readonly #views: AgentViews
  readonly #reports = new Map<string, ChangeReport>()
  readonly #watch: Watch

  constructor(options: StoreTransportOptions) {
    const { store, siteOf, clock = systemClock } = options
    this.#options = options
    this.#clock = clock
    this.#views = new AgentViews(store, siteOf, clock)
    this.#watch = store.watch(reportPrefix, (event) => {
      const take = (key: string, text: string | null) => {
        const report = readReport(text ?? '')
        if (report !== null) this.#reports.set(key, report)
      }
      if (event.event === 'snapshot') for (const [key, value] of event.values) take(key, value)
      else if (event.event === 'changes') for (const { key, value } of event.changes) take(key, value)
    })
  }

  async inspect(target: Target): Promise<Installed | null> {
    // An agent may be writing it.
    return this.#again(times.inspect, async () => {
      const { installed } = await this.#views.read(target)
      if (installed === null) return null
      const { digest, archive } = installed
      if (archive === null) throw new TransportError(tooLarge(`the bundle that ${target.node} has`))
      const { store } = this.#options
      const read = await readArchive(store, installedFolder(this.#nameOf(target)), archive, times.call)
      if (read.outcome === 'failed') throw new TransportError(`the store: ${read.message}`)
      const files = read.outcome === 'read' ? read.files : new Map<string, string>()
      const bundle = await loadReceived(`the bundle of ${target.node}`, files).catch((error: unknown) => {
        if (error instanceof ConfigError) return null
        throw error
      })
      if (bundle === null || digestOf(bundle) !== digest)
        throw new TransportError(`${target.node}: what it says of its bundle in the store is not whole`)
      return { manifest: bundle.manifest, digest, files: filesToCopy(bundle) }
    })
  }

  async observe(target: Target): Promise<Seen> {
    try {
      return seenOf(await this.#views.read(target))
    } catch (error) {
      if (error instanceof TransportError) return { outcome: 'unreachable', problem: error.message }
      throw error
    }
  }

  async change(target: Target, change: Change): Promise<ChangeResult> {
    try {
      const bundle = await readChange(change)
      const archive = await packArchive(filesToCopy(bundle))
      if (archive === null) return failed(tooLarge(`the bundle of ${target.node}`))
      const order = await this.#again(times.retry, async () => {
        await writeArchive(this.#options.store, archive, times.call)
        return this.#order(target, change, archive)
      })
      return await this.#follow(target, order, change)
    } catch (error) {
      if (error instanceof TransportError) return failed(error.message)
      throw error
    }
  }

  /** After a rollout: removes the bundles that no target names. Throws TransportError. */
  async clean(): Promise<void> {
    await this.#again(times.inspect, () => removeArchives(this.#options.store, times.call))
  }

  /** Leaves the store open. */
  close(): void {
    this.#watch.close()
    this.#views.close()
  }

  /** Writes the target, and returns the identifier of its change. One that an earlier engine has ordered goes on. */
  async #order(target: Target, change: Change, { ref }: Archive): Promise<string> {
    const { store, createNonce, fence } = this.#options
    const name = this.#nameOf(target)
    const [key, reportAt] = [targetKey(name), reportKey(name)]
    const values = await readValues(store, [{ key }, { key: reportAt }], times.call)
    const text = values.get(key) ?? null
    const { digest, rollout, drain } = change
    const wanted = { format: 1, rollout, digest, archive: ref, drain } as const
    const present = text === null ? null : readTarget(text)
    if (
      present !== null &&
      JSON.stringify({ ...present, change: '' }) === ordered({ ...wanted, change: '' })
    ) {
      const report = readReport(values.get(reportAt) ?? '')
      if (report?.change !== present.change || report.outcome === 'running') return present.change
    }
    const order = { ...wanted, change: createNonce() }
    const writes = [{ key, value: ordered(order) }]
    // The bundle is still there: another rollout may have just ended, and removed it.
    const compares = [{ key, value: text }, archiveEntry(ref), ...fence()]
    const outcome = await store.transact({ compares, writes }, times.call)
    if (outcome.outcome === 'committed') return order.change
    // Without an answer it may have been written: the next attempt finds it there, and goes on with it.
    throw new TransportError(
      `the store: ${'message' in outcome ? outcome.message : 'another rollout writes the same keys'}`,
    )
  }

  async #follow(target: Target, order: string, { manifest, onStep }: Change): Promise<ChangeResult> {
    const key = reportKey(this.#nameOf(target))
    const begunAt = this.#clock.now()
    const drainMs = Math.max(0, ...manifest.services.map(({ drain }) => drain.limitMs))
    let heardAt = begunAt
    let steps = 0
    for (;;) {
      const report = this.#reports.get(key)
      if (report?.change === order) {
        for (const step of report.steps.slice(steps)) onStep(step)
        steps = Math.max(steps, report.steps.length)
        const { outcome, detail } = report
        if (outcome !== 'running') return { outcome, detail }
      }
      const now = this.#clock.now()
      const isAlive = (await this.observe(target)).outcome === 'seen'
      // An agent that lives, and has not even begun, does not read its target.
      if (isAlive && report?.change === order) heardAt = now
      if (now - heardAt > times.retry) {
        return failed(`${target.node}: its agent has not carried out the change; it may still do so`)
      }
      if (now - begunAt > times.change + drainMs) return failed(`${target.node}: the change does not end`)
      await this.#clock.sleep(times.poll)
    }
  }

  #nameOf({ node }: Target) {
    return { site: this.#options.siteOf(node), node }
  }

  #again<T>(forMs: number, work: () => Promise<T>): Promise<T> {
    return again(this.#clock, { forMs, pauseMs: times.retryPause }, work)
  }
}

/** Always with the keys in this order, so that texts can be compared. */
function ordered({ format, change, rollout, digest, archive, drain }: RolloutTarget): string {
  return JSON.stringify({ format, change, rollout, digest, archive, drain })
}

function failed(detail: string): ChangeResult {
  return { outcome: 'failed', detail }
}

function tooLarge(what: string): string {
  return `${what} is larger than the ${mostMegabytes} MB that the store takes: roll out with --via ssh`
}
