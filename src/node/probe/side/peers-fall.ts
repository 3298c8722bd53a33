/** A clock jump of this size makes the ages of handshakes wrong. */
const jumpMs = 2_000
/** An older session is rejected (REJECT_AFTER_TIME). */
const freshForMs = 180_000

interface PeersFallOptions {
  /** A drop by this share (0 to 1) of the highest count within `withinMs` fails the check. */
  readonly drop: number
  readonly withinMs: number
  readonly least: number
}

interface PeersCount {
  /** Monotonic. */
  readonly nowMs: number
  /** The wall clock, which timestamps handshakes. */
  readonly wallMs: number
  /** The latest handshake of every real peer, in seconds since 1970; 0: never. */
  readonly handshakesS: readonly number[]
}

type PeersVerdict =
  | { readonly outcome: 'good' | 'bad'; readonly fresh: number; readonly before: number }
  /** During this time no age of a handshake is reliable. */
  | { readonly outcome: 'clock-jumped'; readonly forMs: number }

/**
 * Keeps the counts of fresh peers, to distinguish a sudden drop from a slow decline. A count that lasts for
 * `withinMs` is the new baseline.
 */
export class PeersFall {
  readonly #options: PeersFallOptions
  #counts: { readonly nowMs: number; readonly fresh: number }[] = []
  #clockOffsetMs: number | null = null
  #believedFromMs = 0

  constructor(options: PeersFallOptions) {
    this.#options = options
  }

  take({ nowMs, wallMs, handshakesS }: PeersCount): PeersVerdict {
    const { drop, withinMs, least } = this.#options
    const offsetMs = wallMs - nowMs
    if (this.#clockOffsetMs !== null && Math.abs(offsetMs - this.#clockOffsetMs) > jumpMs) {
      // By then each living session has a handshake by the new clock.
      this.#believedFromMs = nowMs + freshForMs
      this.#counts = []
    }
    this.#clockOffsetMs = offsetMs
    if (nowMs < this.#believedFromMs) return { outcome: 'clock-jumped', forMs: this.#believedFromMs - nowMs }

    const fresh = handshakesS.filter((atS) => Math.abs(wallMs - atS * 1000) <= freshForMs).length
    this.#counts = this.#counts.filter((count) => nowMs - count.nowMs <= withinMs)
    const before = Math.max(0, ...this.#counts.map((count) => count.fresh))
    this.#counts.push({ nowMs, fresh })
    const isCliff = before >= least && before - fresh >= drop * before
    return { outcome: isCliff ? 'bad' : 'good', fresh, before }
  }
}
