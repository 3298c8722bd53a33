import type { Clock } from '../../clock/clock.ts'
import type { Endpoint, RosterClaim } from '../../fleet/roster/link.ts'
import { copyText, type readWgPeers, type WgPeer } from '../../linux/wg.ts'
import { PeerCounter, type PeerCounts } from '../wireguard/peer-counts.ts'
import { ReplayWatch } from './replay-watch.ts'
import { expiryMs, type Roster } from './roster.ts'
import type { DisplacedPeer } from './sweep/device.ts'

export interface PeerSource {
  readonly service: string
  readonly interface: string
  /** Public keys, base64, of the probes: this node's, and those of other sites that the plan names. */
  readonly probes: readonly string[]
}

export interface PeerReaderOptions {
  readonly node: string
  readonly sources: readonly PeerSource[]
  readonly roster: Roster
  readonly clock: Clock
  readonly readPeers: typeof readWgPeers
  /** What has changed of the peers that this node serves; the roster has it. */
  readonly publish: (claims: readonly RosterClaim[]) => void
  readonly putBack: (service: string, displaced: readonly DisplacedPeer[]) => Promise<void>
  readonly onProblem: (message: string) => void
  /** What a reading has found besides; `null`: the interface cannot be read. Missing: it is not counted. */
  readonly onCounts?: (interfaceName: string, counts: PeerCounts | null) => void
  /** Whether these counts have each peer. */
  readonly countsEach?: boolean
}

/** Milliseconds. */
export const readTimes = {
  /** Of one run of `wg`, which waits for a WireGuard process that hangs. */
  timeout: 10_000,
  least: 8_000,
  most: 30_000,
  /** While clients move. */
  hurry: 1_000,
  /** How long that lasts. */
  hurryFor: 15_000,
}

/**
 * How long to wait between two readings. Each lists all peers: some 20 ms of a processor for 1,000 peers of wireguard-go. 1 ms a
 * peer keeps that at a quarter of a percent for 1,000 peers, and at a few percent for any number; half a minute is a quarter of the
 * time between two handshakes of a client.
 */
export function readEveryMs(peers: number): number {
  return Math.min(readTimes.most, Math.max(readTimes.least, peers))
}

/** Reads which peers this node serves, again and again, and stores in the roster what has changed. It has no state of its own. */
export class PeerReader {
  readonly #options: PeerReaderOptions
  readonly #replays = new Map<string, ReplayWatch>()
  #peers = 0
  #hurriesUntilMs = Number.NEGATIVE_INFINITY
  #problem = ''
  #wake: (() => void) | null = null
  readonly #closed = new AbortController()

  constructor(options: PeerReaderOptions) {
    this.#options = options
  }

  /** How many peers the interfaces have, as of the last reading. */
  get peers(): number {
    return this.#peers
  }

  /** Reads until `close`. Never rejects. */
  async run(): Promise<void> {
    const { clock } = this.#options
    while (!this.#closed.signal.aborted) {
      await this.read()
      if (this.#closed.signal.aborted) return
      await clock.sleep(this.#pauseMs(), (wake) => {
        this.#wake = wake
      })
    }
  }

  /** Clients move: reads more often for a while. */
  hurry(): void {
    const { clock } = this.#options
    const wasHurrying = clock.now() < this.#hurriesUntilMs
    this.#hurriesUntilMs = clock.now() + readTimes.hurryFor
    if (!wasHurrying) this.#wake?.()
  }

  close(): void {
    this.#closed.abort()
    this.#wake?.()
  }

  async read(): Promise<void> {
    let peers = 0
    for (const source of this.#options.sources) {
      try {
        peers += await this.#readOne(source)
        this.#problem = ''
      } catch (error) {
        if (this.#closed.signal.aborted) return
        this.#options.onCounts?.(source.interface, null)
        const { message } = error as Error
        if (message !== this.#problem) this.#options.onProblem(message)
        this.#problem = message
      }
    }
    this.#peers = peers
  }

  #pauseMs(): number {
    const everyMs = readEveryMs(this.#peers)
    const isHurrying = this.#options.clock.now() < this.#hurriesUntilMs
    return isHurrying ? Math.max(readTimes.hurry, Math.min(everyMs, this.#peers) / 4) : everyMs
  }

  /** @returns how many peers there are */
  async #readOne({ service, interface: name, probes }: PeerSource): Promise<number> {
    const { node, roster, clock, publish, readPeers, putBack } = this.#options
    const replays = this.#replays.get(service) ?? new ReplayWatch()
    this.#replays.set(service, replays)
    let peers = 0
    const sinceMs = clock.wall() - expiryMs
    const claims: RosterClaim[] = []
    const displaced: DisplacedPeer[] = []
    const counter = new PeerCounter(clock.wall(), this.#options.countsEach ?? false)
    const take = (peer: WgPeer) => {
      peers += 1
      counter.take(peer)
      const { publicKey } = peer
      const handshakeMs = peer.handshakeS * 1000
      const known = roster.entryOf(node, service, publicKey)
      if (known === null) replays.forget(publicKey)
      else replays.receive(known.peer, peer.received)
      if (!(handshakeMs > sinceMs)) return
      const isNew = known?.handshakeMs !== handshakeMs
      // Most peers.
      if (!isNew && isPrinted(peer.endpoint, known.endpoint)) return
      // Probes of other sites have no allowed IPs, and the plan may not know their keys.
      if (peer.allowedIps === '(none)' || probes.includes(publicKey)) return
      const endpoint = parseEndpoint(peer.endpoint)
      if (endpoint === null) return
      if (!isNew) {
        const verdict = replays.judge(known.peer, peer.endpoint)
        if (verdict === 'replayed') displaced.push(known)
        if (verdict !== 'moved') return
      }
      const claim = { service, peer: known?.peer ?? copyText(publicKey), endpoint, handshakeMs }
      if (roster.put(node, claim, clock.wall()) === 'stored') claims.push(claim)
    }
    try {
      await readPeers(name, take, {
        // It includes the time that this process takes for the lines.
        timeoutMs: Math.max(readTimes.timeout, readEveryMs(this.#peers)),
        signal: this.#closed.signal,
      })
    } finally {
      // They are in the roster, so no later reading finds that they have changed.
      if (claims.length > 0) publish(claims)
    }
    this.#options.onCounts?.(name, counter.counts)
    // Within a second or two, a client that is there has sent data.
    if (replays.finish()) this.hurry()
    if (displaced.length > 0) await putBack(service, displaced)
    return peers
  }
}

/** `198.51.100.7:51820` or `[2001:db8::1]:51820`. `null`: `(none)`, or a link-local one with its interface. */
export function parseEndpoint(text: string): Endpoint | null {
  const colon = text.lastIndexOf(':')
  const port = Number(text.slice(colon + 1))
  const isBracketed = text.startsWith('[') && text[colon - 1] === ']'
  const address = isBracketed ? text.slice(1, colon - 1) : text.slice(0, colon)
  return colon < 1 || !Number.isInteger(port) || address.includes('%')
    ? null
    : { address: copyText(address), port }
}

/** Whether the text is this endpoint. */
function isPrinted(text: string, { address, port }: Endpoint): boolean {
  const isBracketed = text[0] === '['
  const colon = address.length + (isBracketed ? 2 : 0)
  return (
    text[colon] === ':' &&
    text.startsWith(address, isBracketed ? 1 : 0) &&
    Number(text.slice(colon + 1)) === port
  )
}
