import type { Clock, Timer } from '../../clock/clock.ts'
import type { Store, Watch } from '../store.ts'
import { Beats } from './beats.ts'
import { Contact, type StoreContact } from './contact.ts'
import { FleetView, type NodeView, type PermitHolderView } from './fleet-view.ts'
import { followBeats } from './follow-beats.ts'
import { beatKey, entryPrefix, type NodeName, permitPrefix, statusKey } from './keys.ts'
import type { NodeReport } from './node-report.ts'
import type { RemoteView } from './remote-view.ts'
import { type Removal, removeHolder } from './remove-holder.ts'
import {
  type ExchangeParts,
  type ExchangeTimes,
  ServicePermit,
  type ServiceSettings,
} from './service-permit.ts'
import { type FleetChanges, Timeline } from './timeline/timeline.ts'
import { type Beat, readBeat } from './values.ts'
import { WatchedValues } from './watched-values.ts'

export interface MemberTimes extends ExchangeTimes {
  readonly beatEveryMs: number
  /** Between two reads of all beats, which of many nodes are few messages; `null`: they are watched. */
  readonly readBeatsEveryMs: number | null
  /** A node whose beat has not risen for so long does not count. */
  readonly staleAfterMs: number
  /** Its status is written again after this time also if it has not changed: a store may be restored from a copy. */
  readonly statusEveryMs: number
}

/** The fleet as this node sees it. */
export interface FleetSnapshot {
  readonly store: StoreContact
  readonly nodes: readonly NodeView[]
  readonly permits: readonly PermitHolderView[]
  /** How many changes there were since this node watches. */
  readonly changes: number
}

export interface FleetMemberOptions {
  readonly store: Store
  readonly clock: Clock
  readonly self: NodeName
  readonly services: readonly ServiceSettings[]
  readonly times: MemberTimes
  readonly createNonce: () => string
  readonly onFailure: (message: string) => void
}

/** A node in the fleet: it says each second that it is there, reads the same of others, and has a permit for each service. */
export class FleetMember {
  readonly #options: FleetMemberOptions
  readonly #beats: Beats
  readonly #services: ReadonlyMap<string, ServicePermit>
  readonly #watch: Watch
  readonly #watched: ExchangeParts['watched']
  readonly #view: FleetView
  readonly #timeline: Timeline
  #describe: () => NodeReport | null = () => null
  #status = { text: '', atMs: 0 }
  readonly #contact: Contact
  #beatNumber: number | null = null
  #next: Timer | null = null
  #beating: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: FleetMemberOptions) {
    const { store, clock, self, services, times, createNonce, onFailure } = options
    this.#options = options
    this.#beats = new Beats(times.staleAfterMs)
    this.#watched = {
      entries: new WatchedValues(store, entryPrefix),
      registers: new WatchedValues(store, permitPrefix),
    }
    const parts = { store, clock, times, createNonce, onFailure, beats: this.#beats, watched: this.#watched }
    this.#services = new Map(services.map((each) => [each.name, new ServicePermit(self, each, parts)]))
    this.#contact = new Contact(clock)
    this.#timeline = new Timeline(clock, self, times.staleAfterMs)
    this.#view = new FleetView({
      ...{ store, clock, beats: this.#beats, registers: this.#watched.registers },
      statusEveryMs: times.statusEveryMs,
      timeline: this.#timeline,
    })
    this.#watch = followBeats(this.#beats, store, clock, { times, onFailure })
    this.#beatLater(0)
  }

  service(name: string): ServicePermit {
    const service = this.#services.get(name)
    if (service === undefined) throw new Error(`this node has no service ${name}`)
    return service
  }

  /** @param describe what this node says of itself, asked each second; `null`: nothing yet */
  describeBy(describe: () => NodeReport | null): void {
    this.#describe = describe
  }

  look(): FleetSnapshot {
    const { count: changes } = this.#timeline
    return { store: this.contact(), nodes: this.#view.nodes(), permits: this.#view.permits(), changes }
  }

  /** What has changed at other nodes, as far as it is still known; the oldest first. */
  changes(): FleetChanges {
    return this.#timeline.describe()
  }

  /** The nodes whose beat does not rise. */
  stale(): ReturnType<FleetView['stale']> {
    return this.#view.stale()
  }

  clocks(): ReturnType<FleetView['clocks']> {
    return this.#view.clocks()
  }

  contact(): StoreContact {
    return this.#contact.state
  }

  /** Whether the register of the service has this node, as last seen. */
  holds(service: string): boolean {
    return this.#view.holds(service, this.#options.self)
  }

  /** How the nodes that probe this one see its endpoint; `null`: none of them says anything now. */
  viewRemotely(service: string, observers: readonly NodeName[]): RemoteView | null {
    return this.#view.viewOne(this.#options.self, service, observers)
  }

  /** By an operator, for a node that does not come back. */
  removeHolder(service: string, node: NodeName): Promise<Removal> {
    return removeHolder(this.#options.store, service, node, this.#options.times.callWithinMs)
  }

  /** Leaves its entries as they are: its beats end, and so it does not count. */
  async close(): Promise<void> {
    this.#closed = true
    this.#next?.cancel()
    this.#watch.close()
    this.#watched.entries.close()
    this.#watched.registers.close()
    this.#view.close()
    await this.#beating
    await Promise.all([...this.#services.values()].map((service) => service.close()))
  }

  #beatLater(delayMs: number): void {
    if (this.#closed) return
    this.#next = this.#options.clock.after(delayMs, () => {
      const startMs = this.#options.clock.now()
      this.#beating = Promise.all([this.#beat(), this.#sayStatus()]).then(() => {
        this.#lookForChanges()
        const tookMs = this.#options.clock.now() - startMs
        this.#beatLater(Math.max(0, this.#options.times.beatEveryMs - tookMs))
      })
    })
  }

  #lookForChanges(): void {
    this.#timeline.look({
      ok: this.#contact.state.ok,
      beats: this.#beats.list(this.#options.clock.now()),
      registers: this.#watched.registers.current,
    })
  }

  async #beat(): Promise<void> {
    const { store, self, times } = this.#options
    this.#beatNumber ??= await this.#firstNumber()
    if (this.#beatNumber === null) return
    this.#beatNumber += 1
    const entries = [...this.#services].flatMap(([name, service]) => {
      const { entry } = service
      return entry === null ? [] : [{ name, service, entry }]
    })
    const well = entries.filter(({ entry }) => entry.well).map(({ name }) => name)
    // A beat that comes late says nothing that its node has revoked; and a store that has lost an entry is noticed.
    const compares = entries.map(({ entry }) => ({ key: entry.key, value: entry.text }))
    const value = JSON.stringify({ number: this.#beatNumber, well } satisfies Beat)
    const outcome = await store.transact(
      { compares, writes: [{ key: beatKey(self), value }] },
      times.callWithinMs,
    )
    if (outcome.outcome === 'conflict')
      for (const { service, entry } of entries) service.doubtEntry(entry.text)
    this.#note('message' in outcome ? outcome.message : null)
  }

  async #sayStatus(): Promise<void> {
    const { store, clock, self, times, onFailure } = this.#options
    const report = this.#describe()
    if (report === null) return
    const text = JSON.stringify(report)
    const atMs = clock.now()
    if (text === this.#status.text && atMs - this.#status.atMs < times.statusEveryMs) return
    const value = JSON.stringify({ clockMs: Math.round(clock.wall()), ...report })
    const outcome = await store.transact(
      { compares: [], writes: [{ key: statusKey(self), value }] },
      times.callWithinMs,
    )
    if (outcome.outcome === 'committed') this.#status = { text, atMs }
    else if ('message' in outcome) onFailure(outcome.message)
  }

  /** @param problem `null`: the store has answered */
  #note(problem: string | null): void {
    this.#contact.note(problem)
    if (problem !== null) this.#options.onFailure(problem)
  }

  /** Above all earlier ones, also if the store has lost them, unless the clock was set back. `null`: not known yet. */
  async #firstNumber(): Promise<number | null> {
    const { store, clock, self, times } = this.#options
    const key = beatKey(self)
    const read = await store.read([{ key }], times.callWithinMs)
    if (read.outcome !== 'read') {
      this.#note(read.message)
      return null
    }
    return Math.max(Math.floor(clock.wall()), readBeat(read.values.get(key) ?? '')?.number ?? 0)
  }
}
