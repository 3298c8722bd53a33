import type { Clock } from '../../clock/clock.ts'
import { visible } from '../../text/wording.ts'
import type { HolderCause } from '../permit/register.ts'
import type { Store, Watch, WatchEvent } from '../store.ts'
import type { Beats } from './beats.ts'
import { idOf, type NodeName, nodeOfKey, registerKey, serviceOfRegister, statusPrefix } from './keys.ts'
import { type DatedReport, readReport, type ServiceReport } from './node-report.ts'
import { type ObserverReport, type RemoteView, viewKey, viewOne, viewRemotely } from './remote-view.ts'
import type { Timeline } from './timeline/timeline.ts'
import { readRegister } from './values.ts'
import type { WatchedValues } from './watched-values.ts'

/** A node by what it last said. Its texts are without control characters, whatever is in the store. */
export interface NodeView extends NodeName {
  /** Since its beat has risen, by this reader's own clock; where it has not yet, since this reader knows of it. */
  readonly ageMs: number
  /** Its beat has not risen for some seconds, or not yet since this reader runs. */
  readonly stale: boolean
  /** How much its wall clock is ahead of the reader's; `null`: not known yet. */
  readonly clockAheadMs: number | null
  /** `null`: it has said nothing, or nothing that can be read. */
  readonly report: { readonly serial: number | null; readonly services: readonly ServiceView[] } | null
}

export interface ServiceView extends ServiceReport {
  /** By the sites that probe it; `null`: none does. */
  readonly remote: RemoteView | null
  /** Its beat says so, and is current: others count on it. */
  readonly well: boolean
}

export interface PermitHolderView {
  readonly service: string
  readonly site: string
  readonly node: string
  /** By the clock of the node; `null`: not known. */
  readonly since: string | null
  readonly cause: HolderCause
  readonly reason: string
}

/** A store may have more keys than a fleet has nodes. */
const mostNodes = 10_000

interface Said {
  readonly node: NodeName
  readonly firstSeenAtMs: number
  /** When it was last written, as far as this reader has seen. */
  readonly writtenAtMs: number
  readonly report: DatedReport | null
  readonly clockAheadMs: number | null
}

interface FleetViewOptions {
  readonly store: Store
  readonly clock: Clock
  readonly beats: Beats
  readonly registers: WatchedValues
  /** Every node writes its status at least as often. */
  readonly statusEveryMs: number
  readonly timeline: Timeline
}

/** What one reader knows of all nodes and of the registers, for people. It decides nothing. */
export class FleetView {
  readonly #clock: Clock
  readonly #beats: Beats
  /** A status that was not written again for so long says nothing of other nodes. */
  readonly #keptMs: number
  readonly #said = new Map<string, Said>()
  readonly #registers: WatchedValues
  readonly #timeline: Timeline
  /** The nodes of the first snapshot were there before. */
  #hasBegun = false
  readonly #watch: Watch

  constructor({ store, clock, beats, registers, statusEveryMs, timeline }: FleetViewOptions) {
    this.#clock = clock
    this.#beats = beats
    this.#keptMs = 2.5 * statusEveryMs
    this.#registers = registers
    this.#timeline = timeline
    this.#watch = store.watch(statusPrefix, (event) => this.#follow(event))
  }

  nodes(): NodeView[] {
    const nowMs = this.#clock.now()
    const beats = this.#beats.list(nowMs)
    const beating = new Set(beats.map(idOf))
    const remotely = viewRemotely([...this.#said.values()].flatMap((said) => this.#observes(said, nowMs)))
    const silent = [...this.#said]
      .filter(([id]) => !beating.has(id))
      .map(([, { node, firstSeenAtMs }]) => ({ ...node, ageMs: nowMs - firstSeenAtMs, fresh: false }))
    return [...beats, ...silent]
      .slice(0, mostNodes)
      .map(({ site, node, ageMs, fresh }) => {
        const id = idOf({ site, node })
        const said = this.#said.get(id)
        const { serial, services } = said?.report ?? {}
        return {
          site: visible(site),
          node: visible(node),
          ageMs: Math.round(ageMs),
          stale: !fresh,
          clockAheadMs: said?.clockAheadMs ?? null,
          report:
            services === undefined
              ? null
              : {
                  serial: serial!,
                  services: services.map((service) =>
                    visibleService(service, {
                      remote: remotely.get(viewKey({ site, node }, service.name)) ?? null,
                      well: this.#beats.saysWell(id, service.name, nowMs),
                    }),
                  ),
                },
        }
      })
      .sort((a, b) => compare(`${a.site}/${a.node}`, `${b.site}/${b.node}`))
  }

  /** The nodes whose beat does not rise, also those that have never said anything but a beat. */
  stale(): (NodeName & { readonly ageMs: number })[] {
    return this.#beats
      .list(this.#clock.now())
      .filter(({ fresh }) => !fresh)
      .slice(0, mostNodes)
      .map(({ site, node, ageMs }) => ({ site: visible(site), node: visible(node), ageMs }))
  }

  /** How much the wall clocks of the nodes whose beat rises are ahead of this one's, as far as that is known. */
  clocks(): { readonly node: string; readonly aheadMs: number }[] {
    return this.#beats.list(this.#clock.now()).flatMap((beat) => {
      const aheadMs = beat.fresh ? (this.#said.get(idOf(beat))?.clockAheadMs ?? null) : null
      return aheadMs === null ? [] : [{ node: visible(beat.node), aheadMs }]
    })
  }

  /** How these observers see the endpoint of a node; `null`: none of them says anything now. */
  viewOne(node: NodeName, service: string, observers: readonly NodeName[]): RemoteView | null {
    const nowMs = this.#clock.now()
    const reports = observers.flatMap((observer) => {
      const said = this.#said.get(idOf(observer))
      return said === undefined ? [] : this.#observes(said, nowMs)
    })
    return viewOne(reports, node, service)
  }

  #observes({ node, report, writtenAtMs }: Said, nowMs: number): ObserverReport[] {
    const isCurrent = nowMs - writtenAtMs < this.#keptMs && this.#beats.isFresh(idOf(node), nowMs)
    return isCurrent && report?.remote !== undefined ? [{ ...node, remote: report.remote }] : []
  }

  permits(): PermitHolderView[] {
    return [...this.#registers.last]
      .sort(([a], [b]) => compare(a, b))
      .flatMap(([key, text]) => holdersIn(key, text))
      .slice(0, mostNodes)
  }

  holds(service: string, { site, node }: NodeName): boolean {
    const key = registerKey(service)
    return holdersIn(key, this.#registers.last.get(key) ?? '').some(
      (holder) => holder.site === site && holder.node === node,
    )
  }

  close(): void {
    this.#watch.close()
  }

  #follow(event: WatchEvent): void {
    if (event.event === 'snapshot') {
      const present = new Set([...event.values.keys()].map(idOfKey))
      for (const id of [...this.#said.keys()]) if (!present.has(id)) this.#remove(id)
      for (const [key, value] of event.values) this.#take(key, value, false)
      this.#hasBegun = true
    } else if (event.event === 'changes') {
      for (const { key, value } of event.changes) {
        if (value === null) this.#remove(idOfKey(key))
        else this.#take(key, value, true)
      }
    }
  }

  #remove(id: string): void {
    const said = this.#said.get(id)
    if (said === undefined) return
    this.#said.delete(id)
    this.#timeline.removeNode(said.node)
  }

  /** @param isNew it has just been written, as far as the store shows */
  #take(key: string, value: string, isNew: boolean): void {
    const node = nodeOfKey(key)
    if (node === null) return
    const known = this.#said.get(idOf(node))
    if (known === undefined && this.#said.size >= mostNodes) return
    const writtenAtMs = this.#clock.now()
    const firstSeenAtMs = known?.firstSeenAtMs ?? writtenAtMs
    const report = readReport(value)
    const clockAheadMs =
      report === null || !isNew ? (known?.clockAheadMs ?? null) : report.clockMs - this.#clock.wall()
    this.#said.set(idOf(node), { node, firstSeenAtMs, writtenAtMs, report, clockAheadMs })
    // Before and after one that cannot be read, nothing is known.
    if (report !== null && known?.report !== null && this.#hasBegun)
      this.#timeline.takeReport(node, known?.report ?? null, report)
  }
}

/** As the node has it, or else the key itself. */
function idOfKey(key: string): string {
  const node = nodeOfKey(key)
  return node === null ? key : idOf(node)
}

function holdersIn(key: string, text: string): PermitHolderView[] {
  const service = visible(serviceOfRegister(key))
  return (readRegister(text) ?? []).map(({ site, node, since, cause, reason }) => ({
    ...{ service, site: visible(site), node: visible(node.slice(node.indexOf('/') + 1)) },
    ...{ since: since ?? null, cause, reason: visible(reason) },
  }))
}

function visibleService(service: ServiceReport, seen: Pick<ServiceView, 'remote' | 'well'>): ServiceView {
  return {
    ...service,
    ...seen,
    name: visible(service.name),
    reason: visible(service.reason),
    announced: service.announced.map((one) => ({ ...one, neighbor: visible(one.neighbor) })),
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
