import type { Clock, Timer } from '../../clock/clock.ts'
import type { Store, Watch } from '../store.ts'
import { Beats } from './beats.ts'
import { beatKey, beatPrefix, type NodeName } from './keys.ts'
import { type ExchangeTimes, ServicePermit, type ServiceSettings } from './service-permit.ts'
import { type Beat, readBeat } from './values.ts'

export interface MemberTimes extends ExchangeTimes {
  readonly beatEveryMs: number
  /** A node whose beat has not risen for so long does not count. */
  readonly staleAfterMs: number
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
  #beatNumber: number | null = null
  #next: Timer | null = null
  #beating: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: FleetMemberOptions) {
    const { store, clock, self, services, times, createNonce, onFailure } = options
    this.#options = options
    this.#beats = new Beats(times.staleAfterMs)
    const parts = { store, clock, times, createNonce, onFailure, beats: this.#beats }
    this.#services = new Map(services.map((each) => [each.name, new ServicePermit(self, each, parts)]))
    this.#watch = store.watch(beatPrefix, (event) => {
      const nowMs = clock.now()
      if (event.event === 'snapshot') {
        for (const [key, text] of event.values) this.#beats.see(key, text, nowMs)
      } else if (event.event === 'changes') {
        for (const { key, value } of event.changes) this.#beats.see(key, value, nowMs)
      }
    })
    this.#beatLater(0)
  }

  service(name: string): ServicePermit {
    const service = this.#services.get(name)
    if (service === undefined) throw new Error(`this node has no service ${name}`)
    return service
  }

  /** Leaves its entries as they are: its beats end, and so it does not count. */
  async close(): Promise<void> {
    this.#closed = true
    this.#next?.cancel()
    this.#watch.close()
    await this.#beating
    await Promise.all([...this.#services.values()].map((service) => service.close()))
  }

  #beatLater(delayMs: number): void {
    if (this.#closed) return
    this.#next = this.#options.clock.after(delayMs, () => {
      const startMs = this.#options.clock.now()
      this.#beating = this.#beat().then(() => {
        const tookMs = this.#options.clock.now() - startMs
        this.#beatLater(Math.max(0, this.#options.times.beatEveryMs - tookMs))
      })
    })
  }

  async #beat(): Promise<void> {
    const { store, self, times, onFailure } = this.#options
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
    if ('message' in outcome) onFailure(outcome.message)
  }

  /** Above all earlier ones, also if the store has lost them, unless the clock was set back. `null`: not known yet. */
  async #firstNumber(): Promise<number | null> {
    const { store, clock, self, times, onFailure } = this.#options
    const key = beatKey(self)
    const read = await store.read([{ key }], times.callWithinMs)
    if (read.outcome !== 'read') {
      onFailure(read.message)
      return null
    }
    return Math.max(Math.floor(clock.wall()), readBeat(read.values.get(key) ?? '')?.number ?? 0)
  }
}
