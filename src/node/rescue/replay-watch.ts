/** Of a handshake initiation (WireGuard paper, section 5.4.2). What carries data has a multiple of 16, up to the MTU. */
const initiationBytes = 148
/** Of more, the bytes could be those of data. */
const mostInitiations = 3

interface Received {
  /** When the endpoint was last right. */
  before: number
  now: number
}

/**
 * Of the peers that one interface serves, which endpoint was moved by a handshake initiation that nothing followed. WireGuard takes
 * the address of an initiation before its sender has shown that it is there. The timestamp in it stops replays at the interface that has
 * seen a newer one: not at the other sites, nor after a rescue.
 *
 * The proof is what the interface has received of the peer: initiations and nothing else, since the endpoint was right. A
 * client that has moved sends data from its new address, or, after an initiation of its own, within a round trip.
 */
export class ReplayWatch {
  readonly #received = new Map<string, Received>()
  /** Endpoints of the last reading that may be wrong. */
  #suspects = new Map<string, string>()
  #next = new Map<string, string>()

  /** Of a peer that is served here, in each reading, before the endpoints. */
  receive(peer: string, bytes: number): void {
    const known = this.#received.get(peer)
    if (known === undefined) this.#received.set(peer, { before: bytes, now: bytes })
    else {
      if (!this.#suspects.has(peer)) known.before = known.now
      known.now = bytes
    }
  }

  forget(peer: string): void {
    this.#received.delete(peer)
  }

  /** Of a peer whose endpoint has changed without a new handshake. `suspect`: the next reading decides. */
  judge(peer: string, endpoint: string): 'moved' | 'suspect' | 'replayed' {
    const received = this.#received.get(peer)
    const bytes = received === undefined ? 0 : received.now - received.before
    if (bytes === 0 || bytes % initiationBytes !== 0 || bytes > mostInitiations * initiationBytes)
      return 'moved'
    // Also after the verdict: until the endpoint is right again.
    this.#next.set(peer, endpoint)
    return this.#suspects.get(peer) === endpoint ? 'replayed' : 'suspect'
  }

  /** At the end of a reading. Gives whether there are suspects. */
  finish(): boolean {
    this.#suspects = this.#next
    this.#next = new Map()
    return this.#suspects.size > 0
  }
}
