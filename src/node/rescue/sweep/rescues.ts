import type { Clock } from '../../../clock/clock.ts'
import type { WgPeer } from '../../../linux/wg.ts'
import type { RosterEntry } from '../entry.ts'
import { Pace, PeerLimiter } from '../limiter.ts'
import type { Roster } from '../roster.ts'
import type { HandshakeStart } from './device.ts'
import { ReachedPeers } from './reached-peers.ts'
import {
  attempts,
  firstWaitMs,
  growth,
  type Outcome,
  outcomeOf,
  type Proof,
  type Rescue,
  type Source,
  type StrayKind,
  sessionMs,
  type Trigger,
} from './rescue.ts'

/** The peers of an interface, by public key. */
export type View = ReadonlyMap<string, WgPeer>

export interface EndedRescue {
  readonly service: string
  readonly trigger: Trigger
  readonly outcome: Outcome
  /** Since the trigger. */
  readonly tookMs: number
}

interface RescuesParts {
  readonly self: string
  readonly clock: Clock
  readonly roster: Pick<Roster, 'find'>
  readonly onEnd: (rescue: EndedRescue) => void
}

/** An answer to another node arrives so soon after a handshake of this one, if it is of the time before its session was used; milliseconds. */
const confirmMs = 300

/** Of all peers whose rescues had no answer. */
const doubtfulPace = { perSecond: 50, burst: 50 }

const nothing = { handshakeS: 0, received: 0, sent: 0 }

/** Those under way: which are due, what an attempt is to do, and how each has ended. */
export class Rescues {
  readonly #parts: RescuesParts
  readonly #rescues = new Map<string, Rescue>()
  readonly #reached = new ReachedPeers()
  readonly #limiters: Readonly<Record<Source, PeerLimiter>> = {
    node: new PeerLimiter(),
    moved: new PeerLimiter(),
    own: new PeerLimiter(),
  }
  readonly #doubtfulPace: Pace
  #isClosed = false

  constructor(parts: RescuesParts) {
    this.#parts = parts
    this.#doubtfulPace = new Pace(doubtfulPace, parts.clock.now())
  }

  get size(): number {
    return this.#rescues.size
  }

  get services(): Set<string> {
    return new Set([...this.#rescues.values()].map(({ service }) => service))
  }

  /** A packet of the peer that is of no session of this node. */
  takePacket(entry: RosterEntry, kind: StrayKind): void {
    const proof = this.#proofOf(entry, kind)
    const known = this.#rescues.get(keyOf(entry.service, entry.peer))
    if (known !== undefined && kind === 'answer') known.isDisturbed = known.attempts > 0
    // Of a peer of its own, a packet proves that this node has lost its session: its WireGuard has started again.
    if (proof !== 'none' || entry.node !== this.#parts.self) this.begin(entry, 'packet', proof)
  }

  begin(
    { service, peer, endpoint, node }: Omit<RosterEntry, 'handshakeMs' | 'site'>,
    trigger: Trigger,
    proof: Proof,
    afterMs = 0,
  ): void {
    if (this.#isClosed) return
    const key = keyOf(service, peer)
    const { clock } = this.#parts
    const now = clock.now()
    const known = this.#rescues.get(key)
    if (known !== undefined) {
      if (trigger === 'packet') {
        // Now the route leads here, so an answer will, too.
        known.arrivedWall = clock.wall()
        known.waitMs = firstWaitMs.packet
      } else if (known.source === 'node') return
      else {
        // What has begun it may have been a packet of others.
        known.source = 'node'
        known.mostAttempts = known.attempts + attempts[trigger]
      }
      known.nextAt = Math.min(known.nextAt, Math.max(now + afterMs, known.startedAt + firstWaitMs.packet))
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
    const source: Source = trigger !== 'packet' ? 'node' : node === this.#parts.self ? 'own' : 'moved'
    const progress = {
      attempts: 0,
      mostAttempts: attempts[trigger],
      source,
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

  /** First those that have not been tried. */
  due(service: string, now: number, lookedAt: number): Rescue[] {
    return [...this.#rescues.values()]
      .filter((one) => one.service === service && one.nextAt <= (one.attempts === 0 ? now : lookedAt))
      .sort((a, b) => a.attempts - b.attempts)
  }

  /**
   * @param isFew whether peers may be replaced on their first attempt
   * @returns what the attempts are to do; not of those that are limited
   */
  attempt(batch: readonly Rescue[], view: View, isFew: boolean): HandshakeStart[] {
    const now = this.#parts.clock.now()
    const started = batch.filter((rescue) => this.#mayBegin(rescue, now))
    for (const rescue of started) {
      rescue.attempts += 1
      rescue.startedAt = now
      rescue.nextAt = now + rescue.waitMs
      rescue.waitMs *= growth
    }
    return started.map((rescue) => this.#prepare(rescue, view, isFew))
  }

  /** Returns the peers that have a session here now. */
  judge(service: string, view: View): WgPeer[] {
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
      if (rescue.isDisturbed) this.begin({ ...rescue, node: rescue.from }, 'packet', 'replaced')
    }
    return reached
  }

  /** This node does not announce the service any more. */
  abandon(service: string): void {
    for (const rescue of this.#rescues.values()) {
      if (rescue.service === service) this.#end(rescue, 'withdrawn')
    }
  }

  close(): void {
    this.#isClosed = true
    this.#rescues.clear()
  }

  #proofOf({ service, peer }: RosterEntry, kind: StrayKind): Proof {
    const agoMs = this.#reached.agoMs(keyOf(service, peer), this.#parts.clock.now())
    if (kind === 'answer') return agoMs < confirmMs ? 'replaced' : 'none'
    // The index of a session that a rescue has begun is known.
    return kind === 'session' || agoMs < Number.POSITIVE_INFINITY ? 'unused' : 'none'
  }

  #mayBegin(rescue: Rescue, now: number): boolean {
    if (rescue.attempts > 0) return true
    const limiter = this.#limiters[rescue.source]
    const key = keyOf(rescue.service, rescue.peer)
    const isDoubtful = limiter.isDoubtful(key)
    if (isDoubtful) {
      rescue.mostAttempts = 1
      rescue.waitMs = firstWaitMs.reported
    }
    const mayBegin = (!isDoubtful || this.#doubtfulPace.take(1, now) === 1) && limiter.begin(key, now) === 0
    if (!mayBegin) this.#end(rescue, 'limited')
    return mayBegin
  }

  #prepare(rescue: Rescue, view: View, isFew: boolean): HandshakeStart {
    const { handshakeS, received, sent } = view.get(rescue.peer) ?? nothing
    const handshakeMs = handshakeS * 1000
    const isOld = this.#parts.clock.wall() - handshakeMs > sessionMs
    // What WireGuard keeps of the peer, such as the timestamp that stops replays, is kept where that is possible. Of a peer that has
    // never sent anything it keeps nothing, and of a few such ones it is not first tried whether WireGuard makes something of it.
    const force = rescue.attempts > 1 || !isOld || (isFew && received === 0)
    rescue.handshakeBefore = force ? 0 : handshakeMs
    rescue.sentBefore = force ? null : sent
    return { peer: rescue.peer, endpoint: rescue.endpoint, force }
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
    const { service, peer, trigger, begunAt, source } = rescue
    const key = keyOf(service, peer)
    const now = this.#parts.clock.now()
    this.#rescues.delete(key)
    if (outcome === 'handshake') this.#reached.add(key, now)
    if (source === 'moved' && (outcome === 'handshake' || outcome === 'unanswered'))
      this.#limiters.moved.end(key, outcome === 'handshake')
    const tookMs = now - begunAt
    this.#parts.onEnd({ service, trigger, outcome, tookMs })
  }
}

function keyOf(service: string, peer: string): string {
  return `${service} ${peer}`
}
