export interface PeerLimiterSettings {
  /** How many rescues of one peer may begin without a delay. */
  readonly free: number
  /** The delay before the next one; it doubles with each further one. */
  readonly delayMs: number
  readonly maxDelayMs: number
  /** After so long without a rescue, the peer is forgotten. */
  readonly forgetMs: number
  /** How many peers are remembered. Beyond it, another peer waits until one is forgotten. */
  readonly limit: number
}

/**
 * Three changes of site one after the other, as A -> B -> A within seconds, are each rescued at once. A client that goes on
 * so is left to itself for 2 s, 4 s, up to a minute.
 */
export const peerLimits: PeerLimiterSettings = {
  free: 4,
  delayMs: 2_000,
  maxDelayMs: 64_000,
  forgetMs: 180_000,
  limit: 100_000,
}

interface Rescues {
  count: number
  /** Since the last one that the peer has answered. */
  unanswered: number
  lastMs: number
}

/** How often a peer may be rescued, whatever asks for it. Times are of the monotonic clock, in milliseconds. */
export class PeerLimiter {
  readonly #settings: PeerLimiterSettings
  /** The one that was rescued last comes last. */
  readonly #peers = new Map<string, Rescues>()

  constructor(settings: PeerLimiterSettings = peerLimits) {
    this.#settings = settings
  }

  get size(): number {
    return this.#peers.size
  }

  /** 0: a rescue begins now, and counts. Otherwise after how many milliseconds it may. `peer` names the service too. */
  begin(peer: string, nowMs: number): number {
    this.#forget(nowMs)
    const { limit } = this.#settings
    const known = this.#peers.get(peer)
    if (known === undefined) {
      const [oldest] = this.#peers.values()
      if (this.#peers.size >= limit && oldest !== undefined) return this.#forgottenAt(oldest) - nowMs
      this.#peers.set(peer, { count: 1, unanswered: 0, lastMs: nowMs })
      return 0
    }
    const waitMs = known.lastMs + this.#delayAfter(known.count) - nowMs
    if (waitMs > 0) return waitMs
    this.#peers.delete(peer)
    this.#peers.set(peer, { ...known, count: known.count + 1, lastMs: nowMs })
    return 0
  }

  /** What has become of the last one. Without an answer, the peer was not here, and it does not count. */
  end(peer: string, isAnswered: boolean): void {
    const known = this.#peers.get(peer)
    if (known === undefined) return
    known.unanswered = isAnswered ? 0 : known.unanswered + 1
    if (!isAnswered) known.count -= 1
  }

  /** Whether so many have had no answer that the packets of the peer are likely to be of others. */
  isDoubtful(peer: string): boolean {
    return (this.#peers.get(peer)?.unanswered ?? 0) >= this.#settings.free
  }

  #delayAfter(count: number): number {
    const { free, delayMs, maxDelayMs } = this.#settings
    return count < free ? 0 : Math.min(maxDelayMs, delayMs * 2 ** (count - free))
  }

  #forgottenAt({ lastMs }: Rescues): number {
    return lastMs + this.#settings.forgetMs
  }

  #forget(nowMs: number): void {
    for (const [peer, rescues] of this.#peers) {
      if (this.#forgottenAt(rescues) > nowMs) return
      this.#peers.delete(peer)
    }
  }
}

export interface PaceSettings {
  readonly perSecond: number
  /** How many may go at once after a pause. */
  readonly burst: number
}

/** The pace of a node's own initiations: a token bucket. Times are of the monotonic clock, in milliseconds. */
export class Pace {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #atMs: number

  constructor({ perSecond, burst }: PaceSettings, nowMs: number) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#atMs = nowMs
  }

  /** Takes up to `wanted`, and returns how many of them may go now. */
  take(wanted: number, nowMs: number): number {
    this.#fill(nowMs)
    const taken = Math.min(wanted, Math.floor(this.#tokens))
    this.#tokens -= taken
    return taken
  }

  /** In how many milliseconds the next one may go; 0: now. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs)
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) / this.#perMs)
  }

  #fill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs)
    this.#tokens = Math.min(this.#burst, this.#tokens + passedMs * this.#perMs)
    this.#atMs = Math.max(this.#atMs, nowMs)
  }
}
