import type { Endpoint } from '../../../fleet/roster/link.ts'
import type { WgPeer } from '../../../linux/wg.ts'
import type { RosterEntry } from '../entry.ts'

/**
 * What begins a rescue. `reported`: the node that served the peer has withdrawn. `lost`: that node is gone without a word.
 * `packet`: the peer's packet has arrived here.
 */
export const triggers = ['reported', 'lost', 'packet'] as const
export type Trigger = (typeof triggers)[number]

/**
 * How it ends. `handshake`: the peer has a session here. `served`: it had one before, so nothing was done. `elsewhere`: it
 * has a newer one at another node. `unanswered`: the peer has not answered in time. `limited`: the peer was rescued too
 * often lately. `withdrawn`: this node does not announce the service any more. `unknown`: the interface does not have the peer.
 */
export const outcomes = [
  'handshake',
  'served',
  'elsewhere',
  'unanswered',
  'limited',
  'withdrawn',
  'unknown',
] as const
export type Outcome = (typeof outcomes)[number]

/**
 * What a packet is of that is of no session of this node. `session`: of another one. `learning`: the same, but this node does not
 * know all of its own yet. `answer`: to an initiation of another node, so the peer may have a session here.
 */
export type StrayKind = 'session' | 'learning' | 'answer'

/**
 * What a packet has proven of a session of the peer at this node. `unused`: the peer has used another one since. `replaced`: an initiation
 * of another node has reached the peer after that of this one, and before the peer has used the session, which it then drops (WireGuard
 * paper, section 6.3).
 */
export type Proof = 'none' | 'unused' | 'replaced'

/**
 * Which limiter counts it: what nodes report, packets of peers of other nodes, and packets of own peers. Packets can be spoofed, so they
 * do not use up what the others may begin.
 */
export type Source = 'node' | 'moved' | 'own'

/** One peer of a service, of which this node tries to have a session. */
export interface Rescue {
  readonly service: string
  readonly peer: string
  readonly endpoint: Endpoint
  readonly proof: Proof
  /** The node that served it. */
  readonly from: string
  readonly trigger: Trigger
  /** Monotonic and wall milliseconds. */
  readonly begunAt: number
  readonly begunWall: number
  nextAt: number
  /** From the next attempt to the one after it. */
  waitMs: number
  /** When the last attempt began. */
  startedAt: number
  attempts: number
  mostAttempts: number
  source: Source
  /** Of the interface, before the last attempt. */
  handshakeBefore: number
  /** What the interface had sent to the peer before an attempt of which it may have made nothing; `null`: it makes something of it. */
  sentBefore: number | null
  /** What the peer had sent to this node when it was first in doubt whether it is served here; `null`: that is not in doubt. */
  receivedBefore: number | null
  /** An answer to an initiation of another node has arrived since the first attempt. */
  isDisturbed: boolean
  /** Wall milliseconds of the last packet that has shown that the route leads here; `null`: none has. */
  arrivedWall: number | null
}

/** The most attempts. A route may move seconds after its withdrawal, and then an answer arrives at last. */
export const attempts: Readonly<Record<Trigger, number>> = { reported: 6, lost: 1, packet: 6 }

/**
 * From the first attempt to the second, in milliseconds. Where a peer's packets arrive, its answer does too; but a peer ignores an
 * initiation within 20 ms of another one, which may be of a node that tries it as well. That one waits longer, so that they do
 * not meet again.
 */
export const firstWaitMs: Readonly<Record<Trigger, number>> = { reported: 500, lost: 500, packet: 150 }
/** Each wait is longer by this factor: an attempt ends the one before it, and the answer of a peer may take more than half a second. */
export const growth = 1.5

/** The resolution of what `wg` prints of handshakes. */
export const secondMs = 1000
/** After that, a session is over (REJECT_AFTER_TIME; WireGuard paper, section 6.1). */
export const sessionMs = 180_000
/** Between two looks at what a peer has sent here: one that is served here sends again until then, or waits for nothing. */
const confirmMs = 100

interface Moment {
  readonly self: string
  readonly now: number
  readonly wall: number
}

/**
 * How a rescue has ended; `null`: it goes on.
 *
 * @param peer what the interface has of it; `undefined`: nothing
 * @param owner what the roster has of it
 */
export function outcomeOf(
  rescue: Rescue,
  peer: WgPeer | undefined,
  owner: RosterEntry | null,
  { self, now, wall }: Moment,
): Outcome | null {
  if (peer === undefined) return 'unknown'
  if (isElsewhere(rescue, owner, self)) return 'elsewhere'
  const handshakeMs = peer.handshakeS * 1000
  if (rescue.attempts > 0) {
    if (handshakeMs !== 0 && handshakeMs !== rescue.handshakeBefore) return 'handshake'
    return rescue.attempts >= rescue.mostAttempts && now >= rescue.nextAt ? 'unanswered' : null
  }
  if (rescue.proof === 'replaced') return null
  const isProven = rescue.proof === 'unused'
  // What this node serves itself is not touched.
  const since = isProven ? rescue.begunWall : owner?.node === self ? 0 : (owner?.handshakeMs ?? 0)
  const isHere = handshakeMs > 0 && handshakeMs + secondMs > since
  if (!isHere || wall - handshakeMs >= sessionMs) return null
  const isTie = !isProven && owner !== null && owner.node !== self && handshakeMs < since + secondMs
  return isTie ? confirm(rescue, peer, now) : 'served'
}

/** The newest handshake is at a third node, and not one from which the peer has come here since. */
function isElsewhere({ from, arrivedWall }: Rescue, owner: RosterEntry | null, self: string): boolean {
  if (owner === null || owner.node === self || owner.node === from) return false
  return arrivedWall === null || owner.handshakeMs > arrivedWall
}

/** Of two handshakes within one second, only what the peer sends here shows whether that of this node came later. */
function confirm(rescue: Rescue, { received }: WgPeer, now: number): Outcome | null {
  if (rescue.receivedBefore !== null) return received > rescue.receivedBefore ? 'served' : null
  rescue.receivedBefore = received
  rescue.nextAt = now + confirmMs
  return null
}
