import type { WgPeer } from '../../linux/wg.ts'

export interface PeerTraffic extends Pick<WgPeer, 'handshakeS' | 'received' | 'sent'> {
  /** Base64. */
  readonly publicKey: string
}

/** What a reading of a WireGuard interface has found. */
export interface PeerCounts {
  readonly peers: number
  /** Peers with a handshake within the time after which a session is over. */
  readonly fresh: number
  /** Empty, unless asked for: who used the VPN, and when. */
  readonly each: readonly PeerTraffic[]
}

/** A session is over after that (REJECT_AFTER_TIME; WireGuard paper, section 6.1). */
const sessionS = 180

/** Counts the peers of one reading. */
export class PeerCounter {
  readonly #sinceS: number
  readonly #each: PeerTraffic[] | null
  #peers = 0
  #fresh = 0

  /** @param each whether to keep what each peer has */
  constructor(nowMs: number, each: boolean) {
    this.#sinceS = nowMs / 1000 - sessionS
    this.#each = each ? [] : null
  }

  take({ publicKey, handshakeS, received, sent }: PeerTraffic): void {
    this.#peers += 1
    if (handshakeS > this.#sinceS) this.#fresh += 1
    // A copy: the key is a part of the whole output, which would stay in memory.
    this.#each?.push({
      publicKey: Buffer.from(publicKey, 'latin1').toString('latin1'),
      handshakeS,
      received,
      sent,
    })
  }

  get counts(): PeerCounts {
    return { peers: this.#peers, fresh: this.#fresh, each: this.#each ?? [] }
  }
}
