import type { Clock, Timer } from '../../../clock/clock.ts'
import type { Endpoint } from '../../../fleet/roster/link.ts'
import type { WgPeer } from '../../../linux/wg.ts'
import type { RosterEntry } from '../entry.ts'
import type { Pace, PeerLimiter } from '../limiter.ts'
import type { Roster } from '../roster.ts'
import { choose } from './choose.ts'
import type { RescueDevice } from './device.ts'
import { EarlyPackets } from './early-packets.ts'
import { ReachedPeers } from './reached-peers.ts'
import {
  firstWaitMs,
  growth,
  type Outcome,
  outcomeOf,
  type Proof,
  type Rescue,
  type StrayKind,
  secondMs,
  sessionMs,
  type Trigger,
} from './rescue.ts'

export interface RescueObserver {
  /** `tookMs`: since the trigger. */
  ended(rescue: { service: string; trigger: Trigger; outcome: Outcome; tookMs: number }): void
  /** The interface cannot be read or changed. Once until it can again, which is `null`. */
  failed(service: string, problem: string | null): void
}

interface RescuerParts {
  readonly self: string
  readonly clock: Clock
  readonly roster: Pick<Roster, 'find' | 'findByEndpoint' | 'ownedBy'>
  readonly devices: ReadonlyMap<string, RescueDevice>
  readonly limiter: PeerLimiter
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
  /** An answer to another node arrives so soon after a handshake of this one, if it is of the time before its session was used. */
  confirm: 300,
  /** After an error of the interface. */
  retry: 1000,
} as const

const nothing = { handshakeS: 0, received: 0, sent: 0 }

/** The answers of more would be load for WireGuard (WireGuard paper, section 5.4.7; 512 in the kernel's), and the call would block the interface for long. */
const mostAtOnce = 512
/** To replace a peer takes a fifth longer, and the preshared keys have to be read. */
const fewPeers = 64

type View = ReadonlyMap<string, WgPeer>

/** Begins handshakes with peers that another node has served, so that they need not wait for their own timers. */
export class Rescuer {
  readonly #parts: RescuerParts
  readonly #rescues = new Map<string, Rescue>()
  readonly #failing = new Set<string>()
  /** Those that arrive while this node does not announce. */
  readonly #early = new EarlyPackets()
  readonly #reached = new ReachedPeers()
  #timer: Timer | null = null
  /** When the timer is due. */
  #wakeAt = Number.POSITIVE_INFINITY
  #running = false
  /** A rescue has begun, or is due, since the last look. */
  #roused = false
  #closed = false

  constructor(parts: RescuerParts) {
    this.#parts = parts
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
      if (choose(candidates, entry.peer) !== self) continue
      this.#begin(entry, trigger, 'none', afterMs)
    }
    this.#wake(afterMs)
  }

  /** A packet that is of no session of this node, from an endpoint in the roster. */
  takePacket(service: string, endpoint: Endpoint, kind: StrayKind): void {
    const { roster, clock, serves, self } = this.#parts
    if (!serves(service)) {
      this.#early.push({ service, endpoint, kind, atMs: clock.now() })
      return
    }
    const entries = roster.findByEndpoint(service, endpoint, clock.wall())
    for (const entry of entries) {
      // Another peer has left the endpoint to this one, such as the same device with its old key.
      if (entry.handshakeMs + secondMs <= entries[0]!.handshakeMs) continue
      const proof = this.#proofOf(entry, kind)
      const known = this.#rescues.get(keyOf(service, entry.peer))
      if (known !== undefined && kind === 'answer') known.isDisturbed = known.attempts > 0
      // Of a peer of its own, a packet proves that this node has lost its session: its WireGuard has started again.
      if (proof !== 'none' || entry.node !== self) this.#begin(entry, 'packet', proof)
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
    for (const rescue of this.#rescues.values()) {
      if (rescue.service === service) this.#end(rescue, 'withdrawn')
    }
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#rescues.clear()
  }

  #proofOf({ service, peer }: RosterEntry, kind: StrayKind): Proof {
    const agoMs = this.#reached.agoMs(keyOf(service, peer), this.#parts.clock.now())
    if (kind === 'answer') return agoMs < timing.confirm ? 'replaced' : 'none'
    // The index of a session that a rescue has begun is known.
    return kind === 'session' || agoMs < Number.POSITIVE_INFINITY ? 'unused' : 'none'
  }

  #begin(
    { service, peer, endpoint, node }: Omit<RosterEntry, 'handshakeMs' | 'site'>,
    trigger: Trigger,
    proof: Proof,
    afterMs = 0,
  ): void {
    if (this.#closed) return
    const key = keyOf(service, peer)
    const { clock } = this.#parts
    const now = clock.now()
    const known = this.#rescues.get(key)
    if (known !== undefined) {
      if (trigger !== 'packet') return
      // Now the route leads here, so an answer will, too.
      known.arrivedWall = clock.wall()
      known.waitMs = firstWaitMs.packet
      known.nextAt = Math.min(known.nextAt, Math.max(now, known.startedAt + known.waitMs))
      return
    }
    const times = {
      begunAt: now,
      begunWall: clock.wall(),
      nextAt: now + afterMs,
      startedAt: Number.NEGATIVE_INFINITY,
    }
    const waitMs = firstWaitMs[trigger]
    const arrivedWall = trigger === 'packet' ? clock.wall() : null
    const progress = {
      attempts: 0,
      handshakeBefore: 0,
      sentBefore: null,
      receivedBefore: null,
      arrivedWall,
      isDisturbed: false,
    }
    this.#rescues.set(key, {
      ...{ service, peer, endpoint, from: node, trigger, proof, waitMs },
      ...times,
      ...progress,
    })
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
    const services = new Set([...this.#rescues.values()].map(({ service }) => service))
    for (const service of services) {
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
      const due = [...this.#rescues.values()].filter(
        (one) => one.service === service && one.nextAt <= (one.attempts === 0 ? now : lookedAt),
      )
      // First those that have not been tried.
      due.sort((a, b) => a.attempts - b.attempts)
      const batch = due.slice(0, pace.take(Math.min(due.length, mostAtOnce), now))
      const started = batch.filter((rescue) => this.#mayBegin(rescue, now))
      for (const rescue of started) {
        rescue.attempts += 1
        rescue.startedAt = now
        rescue.nextAt = now + rescue.waitMs
        rescue.waitMs *= growth
      }
      const starts = started.map((rescue) => this.#prepare(rescue, view, batch.length <= fewPeers))
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
    const reached = this.#judge(service, view)
    // A peer uses the session when it has a packet of it (WireGuard paper, section 6.1). The one that WireGuard sends may be lost.
    while (reached.length > 0) await device.sendKeepalives(reached.splice(0, mostAtOnce))
    return view
  }

  #mayBegin(rescue: Rescue, now: number): boolean {
    if (rescue.attempts > 0 || this.#parts.limiter.begin(keyOf(rescue.service, rescue.peer), now) === 0)
      return true
    this.#end(rescue, 'limited')
    return false
  }

  #prepare(rescue: Rescue, view: View, isFew: boolean) {
    const { handshakeS, received, sent } = view.get(rescue.peer) ?? nothing
    const handshakeMs = handshakeS * 1000
    const isOld = this.#parts.clock.wall() - handshakeMs > sessionMs
    // What WireGuard keeps of the peer, such as the timestamp that stops replays, is kept where that is possible. Of a peer that has
    // never sent anything it keeps nothing, and of a few such ones it is not first tried whether WireGuard makes something of it.
    const force = rescue.attempts > 1 || !isOld || (isFew && received === 0)
    rescue.handshakeBefore = force ? 0 : handshakeMs
    rescue.sentBefore = force ? null : sent
    // It is looked at soon.
    this.#roused ||= !force
    return { peer: rescue.peer, endpoint: rescue.endpoint, force }
  }

  /** Returns the peers that have a session here now. */
  #judge(service: string, view: View): WgPeer[] {
    const { clock, roster, self } = this.#parts
    const [now, wall] = [clock.now(), clock.wall()]
    const reached: WgPeer[] = []
    for (const rescue of this.#rescues.values()) {
      if (rescue.service !== service) continue
      const owner = roster.find(service, rescue.peer, wall)
      const peer = view.get(rescue.peer)
      const outcome = outcomeOf(rescue, peer, owner, { self, now, wall })
      if (outcome === null) {
        this.#findUnsent(rescue, peer, now)
        continue
      }
      this.#end(rescue, outcome)
      if (outcome !== 'handshake') continue
      reached.push(peer!)
      // Which of the two came first is not known.
      if (rescue.isDisturbed) this.#begin({ ...rescue, node: rescue.from }, 'packet', 'replaced')
    }
    return reached
  }

  /**
   * WireGuard makes nothing of an attempt within 5 s of another initiation (WireGuard paper, section 6.2). That one may be of a packet
   * that this node has to deliver to the peer, sent to the peer's old address, or by wireguard-go to none.
   */
  #findUnsent(rescue: Rescue, peer: WgPeer | undefined, now: number): void {
    if (rescue.sentBefore === null || peer === undefined) return
    if (peer.sent === rescue.sentBefore) rescue.nextAt = now
    rescue.sentBefore = null
  }

  #end(rescue: Rescue, outcome: Outcome): void {
    const { service, peer, trigger, begunAt } = rescue
    const key = keyOf(service, peer)
    const now = this.#parts.clock.now()
    this.#rescues.delete(key)
    if (outcome === 'handshake') this.#reached.add(key, now)
    const tookMs = now - begunAt
    this.#parts.observer.ended({ service, trigger, outcome, tookMs })
  }

  #report(service: string, problem: string | null): void {
    if (this.#failing.has(service) === (problem !== null)) return
    if (problem === null) this.#failing.delete(service)
    else this.#failing.add(service)
    this.#parts.observer.failed(service, problem)
  }
}

function keyOf(service: string, peer: string): string {
  return `${service} ${peer}`
}
