import { copyText, type WgPeer } from '../../linux/wg.ts'
import { rejectAfterMs } from './session.ts'

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

/** Counts the peers of one reading. */
export class PeerCounter {
  readonly #sinceS: number
  readonly #each: PeerTraffic[] | null
  #peers = 0
  #fresh = 0

  /** @param each whether to keep what each peer has */
  constructor(nowMs: number, each: boolean) {
    this.#sinceS = (nowMs - rejectAfterMs) / 1000
    this.#each = each ? [] : null
  }

  take({ publicKey, handshakeS, received, sent }: PeerTraffic): void {
    this.#peers += 1
    if (handshakeS > this.#sinceS) this.#fresh += 1
    this.#each?.push({ publicKey: copyText(publicKey), handshakeS, received, sent })
  }

  get counts(): PeerCounts {
    return { peers: this.#peers, fresh: this.#fresh, each: this.#each ?? [] }
  }
}
