import type { Clock, Timer } from '../../clock/clock.ts'
import { listWithoutAddress } from './peers.ts'

/** Traffic received from the peers of one interface, as of the last sample; without the probe's peer. */
interface TrafficView {
  /** Monotonic milliseconds: nothing was received since then, or since the first sample. */
  readonly idleSince: number
  /** Peers that sent data within the requested time. */
  readonly sending: number
}

/** Prints `wg show INTERFACE transfer`. Rejects if that fails or takes longer than `timeoutMs`. */
type ReadTransfer = (interfaceName: string, timeoutMs: number) => Promise<string>

interface TrafficOptions {
  /** By interface, public keys (base64) of peers whose traffic is our own: the probe's. */
  readonly ownPeers: ReadonlyMap<string, string>
  readonly clock: Clock
  readonly readTransfer: ReadTransfer
  /** Prints `wg show INTERFACE allowed-ips`; missing: each peer counts. */
  readonly readAllowedIps?: ReadTransfer | undefined
  readonly pollMs?: number
}

interface Watched {
  /** Bytes received, by public key. */
  received: ReadonlyMap<string, bigint> | null
  /** When data from each peer was last seen. */
  readonly heardAt: Map<string, number>
  firstLook: number
  lastLook: number
  failed: boolean
}

const lookTimeoutMs = 1000

/**
 * Watches whether the peers of WireGuard interfaces send data. `wg` runs only while interfaces are watched.
 * Only received, authenticated bytes count: they include handshakes and keepalives, but not the packets sent
 * to a client that has moved to another node.
 */
export class TrafficWatch {
  readonly #options: TrafficOptions
  readonly #pollMs: number
  readonly #watched = new Map<string, Watched>()
  #timer: Timer | null = null
  #looking = false

  constructor(options: TrafficOptions) {
    this.#options = options
    this.#pollMs = options.pollMs ?? 500
  }

  /** Sets the watched interfaces; an empty list stops the watch. Cheap if nothing changes. */
  watch(interfaces: ReadonlySet<string>): void {
    for (const name of this.#watched.keys()) {
      if (!interfaces.has(name)) this.#watched.delete(name)
    }
    for (const name of interfaces) {
      if (this.#watched.has(name)) continue
      const watched = { received: null, heardAt: new Map(), firstLook: 0, lastLook: 0, failed: false }
      this.#watched.set(name, watched)
    }
    if (this.#watched.size === 0) this.#pause()
    else if (this.#timer === null && !this.#looking) void this.#look()
  }

  /** `null`: currently unknown. */
  view(interfaceName: string, withinMs: number): TrafficView | null {
    const watched = this.#watched.get(interfaceName)
    if (watched === undefined || watched.received === null || watched.failed) return null
    const now = this.#options.clock.now()
    // A missed sample on a busy machine does not mean that nothing was received.
    if (now - watched.lastLook > 2 * this.#pollMs + lookTimeoutMs) return null
    let idleSince = watched.firstLook
    let sending = 0
    for (const at of watched.heardAt.values()) {
      idleSince = Math.max(idleSince, at)
      if (now - at < withinMs) sending += 1
    }
    return { idleSince, sending }
  }

  close(): void {
    this.#watched.clear()
    this.#pause()
  }

  #pause(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  async #look(): Promise<void> {
    this.#timer = null
    this.#looking = true
    await Promise.all([...this.#watched].map(([name, watched]) => this.#lookAt(name, watched)))
    this.#looking = false
    if (this.#watched.size > 0) this.#timer = this.#options.clock.after(this.#pollMs, () => void this.#look())
  }

  async #lookAt(name: string, watched: Watched): Promise<void> {
    const { clock, ownPeers, readTransfer, readAllowedIps } = this.#options
    try {
      const [transfer, allowedIps] = await Promise.all([
        readTransfer(name, lookTimeoutMs),
        readAllowedIps?.(name, lookTimeoutMs) ?? '',
      ])
      const ignored = new Set([ownPeers.get(name), ...listWithoutAddress(allowedIps)])
      const received = readReceived(transfer, ignored)
      const at = clock.now()
      if (watched.received === null) watched.firstLook = at
      else {
        for (const [peer, bytes] of received) {
          // Not `more than before`: the counter of a peer that was removed and added again starts at 0.
          if (bytes > 0n && bytes !== watched.received.get(peer)) watched.heardAt.set(peer, at)
        }
      }
      watched.received = received
      watched.lastLook = at
      watched.failed = false
    } catch {
      watched.failed = true
    }
  }
}

/** Lines of `key TAB received TAB sent`. Throws on anything else. */
function readReceived(text: string, ignored: ReadonlySet<string | undefined>): Map<string, bigint> {
  const received = new Map<string, bigint>()
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, peer, bytes] = /^([A-Za-z0-9+/]{43}=)\t(\d{1,20})\t\d{1,20}$/.exec(line) ?? []
    if (peer === undefined || bytes === undefined) throw new Error('unexpected output from wg show transfer')
    if (!ignored.has(peer)) received.set(peer, BigInt(bytes))
  }
  return received
}
