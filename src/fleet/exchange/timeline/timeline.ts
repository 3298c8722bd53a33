import type { Clock } from '../../../clock/clock.ts'
import { visible } from '../../../text/wording.ts'
import { idOf, type NodeName, serviceOfRegister } from '../keys.ts'
import type { DatedReport } from '../node-report.ts'
import { readRegister } from '../values.ts'
import { type FleetChange, findRegisterChanges, findReportChanges } from './find-changes.ts'

export type FleetEvent = FleetChange & {
  readonly site: string
  readonly node: string
  readonly time: string
  /** Whose clock that is: that of the node, or of the one that watches. */
  readonly clock: 'node' | 'watcher'
}

export interface FleetChanges {
  /** Since when the reader watches. */
  readonly since: string
  /** It rises with each. */
  readonly count: number
  /** The last ones, the oldest first. */
  readonly events: readonly FleetEvent[]
}

const mostEvents = 200
/** A clock that is wrong by more would only mislead. */
const mostSkewMs = 86_400_000

/** What a look at the fleet finds, once a beat. */
export interface Look {
  /** Whether the store answers; `null`: it has not yet. */
  readonly ok: boolean | null
  readonly beats: readonly (NodeName & { readonly ageMs: number; readonly fresh: boolean })[]
  /** The registers by their keys; `null`: not seen now. */
  readonly registers: ReadonlyMap<string, string> | null
}

/** What has changed at which node since this reader watches: the last changes, in memory of a fixed size. */
export class Timeline {
  /** Of the reader's wall clock. */
  readonly sinceMs: number
  /** Rises with each event. */
  count = 0
  readonly #clock: Clock
  readonly #self: NodeName
  readonly #staleAfterMs: number
  #events: FleetEvent[] = []
  #ok: boolean | null = null
  /** After an outage of the store, all beats are old at first. */
  #judgeFromMs: number | null = null
  /** When each silent node was last heard, by the monotonic clock; missing: it is not silent. */
  readonly #silent = new Map<string, number>()
  readonly #current = new Set<string>()
  #registers: Map<string, string> | null = null

  constructor(clock: Clock, self: NodeName, staleAfterMs: number) {
    this.#clock = clock
    this.#self = self
    this.#staleAfterMs = staleAfterMs
    this.sinceMs = clock.wall()
  }

  /** The oldest first. */
  list(): readonly FleetEvent[] {
    return this.#events
  }

  describe(): FleetChanges {
    return { since: new Date(this.sinceMs).toISOString(), count: this.count, events: this.#events }
  }

  /** @param before `null`: it was not there; a report that cannot be read says nothing */
  takeReport(node: NodeName, before: DatedReport | null, after: DatedReport): void {
    const changes: FleetChange[] = before === null ? [{ what: 'added' }] : findReportChanges(before, after)
    for (const change of changes) this.#add(node, change, after.clockMs)
  }

  removeNode(node: NodeName): void {
    this.#silent.delete(idOf(node))
    this.#current.delete(idOf(node))
    this.#add(node, { what: 'removed' })
  }

  look({ ok, beats, registers }: Look): void {
    const nowMs = this.#clock.now()
    if (ok !== this.#ok) {
      // Not the first answer: that is the beginning.
      if (ok !== null && (this.#ok !== null || !ok)) this.#add(this.#self, { what: 'store', ok })
      this.#ok = ok
      this.#judgeFromMs = ok === true ? nowMs + this.#staleAfterMs : null
    }
    const judges = this.#judgeFromMs !== null && nowMs >= this.#judgeFromMs
    for (const { site, node, ageMs, fresh } of beats) {
      const id = idOf({ site, node })
      if (fresh) this.#hear({ site, node }, id, nowMs)
      else if (judges && !this.#silent.has(id)) this.#miss({ site, node }, id, nowMs - ageMs)
    }
    if (registers !== null) this.#lookAtRegisters(registers)
  }

  #hear(node: NodeName, id: string, nowMs: number): void {
    this.#current.add(id)
    const silentFromMs = this.#silent.get(id)
    if (silentFromMs === undefined) return
    this.#silent.delete(id)
    this.#add(node, { what: 'back', afterMs: Math.round(nowMs - silentFromMs) })
  }

  #miss(node: NodeName, id: string, heardAtMs: number): void {
    this.#silent.set(id, heardAtMs)
    // Those that were silent before this reader began are no change.
    if (!this.#current.delete(id)) return
    this.#add(node, { what: 'silent' })
  }

  #lookAtRegisters(registers: ReadonlyMap<string, string>): void {
    const before = this.#registers
    this.#registers = new Map(registers)
    if (before === null) return
    for (const key of new Set([...before.keys(), ...registers.keys()])) {
      const [had, has] = [before.get(key) ?? '', registers.get(key) ?? '']
      if (had === has) continue
      const changes = findRegisterChanges(
        serviceOfRegister(key),
        readRegister(had) ?? [],
        readRegister(has) ?? [],
      )
      for (const { id, since, change } of changes) {
        const [site = '', node = ''] = id.split('/')
        this.#add({ site, node }, change, since === null ? null : Date.parse(since))
      }
    }
  }

  /** @param atMs by the clock of the node; `null`: it says none */
  #add({ site, node }: NodeName, change: FleetChange, atMs: number | null = null): void {
    const wallMs = this.#clock.wall()
    const isOfNode = atMs !== null && Math.abs(atMs - wallMs) < mostSkewMs
    this.count += 1
    this.#events.push({
      ...{ site: visible(site), node: visible(node) },
      time: new Date(isOfNode ? atMs : wallMs).toISOString(),
      clock: isOfNode ? 'node' : 'watcher',
      ...change,
    })
    if (this.#events.length > mostEvents) this.#events.shift()
  }
}
