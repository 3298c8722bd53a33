import type { Clock, Timer } from '../../../clock/clock.ts'
import type { Endpoint } from '../../../fleet/roster/link.ts'
import type { Pace } from '../limiter.ts'
import type { Roster } from '../roster.ts'
import { choose } from './choose.ts'
import type { RescueDevice } from './device.ts'
import { EarlyPackets } from './early-packets.ts'
import { type StrayKind, secondMs } from './rescue.ts'
import { type EndedRescue, Rescues, type View } from './rescues.ts'

export interface RescueObserver {
  ended(rescue: EndedRescue): void
  /** The interface cannot be read or changed. Once until it can again, which is `null`. */
  failed(service: string, problem: string | null): void
}

interface RescuerParts {
  readonly self: string
  readonly clock: Clock
  readonly roster: Pick<Roster, 'find' | 'findByEndpoint' | 'ownedBy'>
  readonly devices: ReadonlyMap<string, RescueDevice>
  readonly pace: Pace
  /** The nodes that announce a service, not degraded, this one included if it does. */
  readonly announcing: (service: string) => readonly string[]
  /** Whether this node announces a service, degraded or not. */
  readonly serves: (service: string) => boolean
  readonly observer: RescueObserver
}

/** Milliseconds. */
const timing = {
  /**
   * Where another node may be the right one, a peer that sends has been found by its packets until then. If both tried it within
   * 20 ms, it would ignore the second.
   */
  giveWay: 50,
  /** Between two looks at the interface; at least four times what the last look took. */
  look: 40,
  /** After an error of the interface. */
  retry: 1000,
} as const

/** The answers of more would be load for WireGuard (WireGuard paper, section 5.4.7; 512 in the kernel's), and the call would block the interface for long. */
const mostAtOnce = 512
/** To replace a peer takes a fifth longer, and the preshared keys have to be read. */
const fewPeers = 64

/** Begins handshakes with peers that another node has served, so that they need not wait for their own timers. */
export class Rescuer {
  readonly #parts: RescuerParts
  readonly #rescues: Rescues
  readonly #failing = new Set<string>()
  /** Those that arrive while this node does not announce. */
  readonly #early = new EarlyPackets()
  #timer: Timer | null = null
  /** When the timer is due. */
  #wakeAt = Number.POSITIVE_INFINITY
  #running = false
  /** A rescue has begun, or is due, since the last look. */
  #roused = false
  #closed = false

  constructor(parts: RescuerParts) {
    this.#parts = parts
    this.#rescues = new Rescues({ ...parts, onEnd: (rescue) => parts.observer.ended(rescue) })
  }

  /** How many are under way. */
  get size(): number {
    return this.#rescues.size
  }

  /**
   * A node does not serve its peers of a service any more. Where several nodes could take them over, each of them takes its
   * share. Where the route leads to another one, the peer's answer arrives there, and is its trigger.
   */
  takeOver(node: string, service: string, trigger: 'reported' | 'lost'): void {
    const { roster, clock, self, announcing } = this.#parts
    const candidates = announcing(service).filter((name) => name !== node)
    if (!candidates.includes(self)) return
    const afterMs = candidates.length > 1 ? timing.giveWay : 0
    for (const entry of roster.ownedBy(node, service, clock.wall())) {
      if (choose(candidates, entry.peer) === self) this.#rescues.begin(entry, trigger, 'none', afterMs)
    }
    this.#wake(afterMs)
  }

  /** A packet that is of no session of this node, from an endpoint in the roster. */
  takePacket(service: string, endpoint: Endpoint, kind: StrayKind): void {
    const { roster, clock, serves } = this.#parts
    if (!serves(service)) {
      this.#early.push({ service, endpoint, kind, atMs: clock.now() })
      return
    }
    const entries = roster.findByEndpoint(service, endpoint, clock.wall())
    for (const entry of entries) {
      // Another peer has left the endpoint to this one, such as the same device with its old key.
      if (entry.handshakeMs + secondMs <= entries[0]!.handshakeMs) continue
      this.#rescues.takePacket(entry, kind)
    }
    this.#wake(0)
  }

  /** This node announces the service from now on: the first packets may have arrived before that was observed. */
  resume(service: string): void {
    for (const { endpoint, kind } of this.#early.take(service, this.#parts.clock.now())) {
      this.takePacket(service, endpoint, kind)
    }
  }

  /** This node does not announce the service any more. */
  abandon(service: string): void {
    this.#rescues.abandon(service)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#rescues.close()
  }

  #wake(delayMs: number): void {
    this.#roused ||= delayMs === 0
    if (this.#running || this.#closed || this.#rescues.size === 0) return
    const { clock } = this.#parts
    const at = clock.now() + delayMs
    if (at >= this.#wakeAt) return
    this.#timer?.cancel()
    this.#wakeAt = at
    this.#timer = clock.after(delayMs, () => void this.#run())
  }

  async #run(): Promise<void> {
    this.#running = true
    this.#roused = false
    this.#wakeAt = Number.POSITIVE_INFINITY
    let tookMs = 0
    let hasFailed = false
    for (const service of this.#rescues.services) {
      const begun = this.#parts.clock.now()
      try {
        await this.#step(service)
        this.#report(service, null)
        tookMs = Math.max(tookMs, this.#parts.clock.now() - begun)
      } catch (error) {
        this.#report(service, (error as Error).message)
        hasFailed = true
      }
    }
    this.#running = false
    // Of two moments one is without a call of `wg`, also during a flood of packets.
    this.#wake(hasFailed ? timing.retry : this.#roused ? tookMs : Math.max(timing.look, 4 * tookMs))
  }

  async #step(service: string): Promise<void> {
    const { clock, pace, devices } = this.#parts
    const device = devices.get(service)!
    let view = await this.#look(service)
    let lookedAt = clock.now()
    for (;;) {
      const now = clock.now()
      // A second attempt follows a look at what has become of the first.
      const due = this.#rescues.due(service, now, lookedAt)
      const batch = due.slice(0, pace.take(Math.min(due.length, mostAtOnce), now))
      const starts = this.#rescues.attempt(batch, view, batch.length <= fewPeers)
      // Of one that is not forced, WireGuard may make nothing: it is looked at soon.
      this.#roused ||= starts.some(({ force }) => !force)
      if (starts.length > 0) await device.start(starts, view)
      if (batch.length === 0 || batch.length === due.length || this.#closed) return
      // What replaces settings needs them as they are.
      if (!starts.some(({ force }) => force)) continue
      view = await this.#look(service)
      lookedAt = clock.now()
    }
  }

  async #look(service: string): Promise<View> {
    const device = this.#parts.devices.get(service)!
    const view = await device.look()
    const reached = this.#rescues.judge(service, view)
    // A peer uses the session when it has a packet of it (WireGuard paper, section 6.1). The one that WireGuard sends may be lost.
    while (reached.length > 0) await device.sendKeepalives(reached.splice(0, mostAtOnce))
    return view
  }

  #report(service: string, problem: string | null): void {
    if (this.#failing.has(service) === (problem !== null)) return
    if (problem === null) this.#failing.delete(service)
    else this.#failing.add(service)
    this.#parts.observer.failed(service, problem)
  }
}
