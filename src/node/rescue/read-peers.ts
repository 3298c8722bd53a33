import type { Clock } from '../../clock/clock.ts'
import type { Endpoint, RosterClaim } from '../../fleet/roster/link.ts'
import type { showWgLines } from '../../linux/wg.ts'
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
  readonly show: typeof showWgLines
  /** Whether other sites have probes here, whose keys the plan may not know: they have no allowed IPs. */
  readonly observed: boolean
  /** What has changed of the peers that this node serves; the roster has it. */
  readonly publish: (claims: readonly RosterClaim[]) => void
  readonly putBack: (service: string, displaced: readonly DisplacedPeer[]) => Promise<void>
  readonly onProblem: (message: string) => void
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
  /** Peers without allowed IPs are looked for again after so long, if there are new ones. */
  allowedIps: 60_000,
}

/**
 * How long to wait between two readings. `wg` lists all peers each time: some 40 ms of a processor for 1,000 peers of
 * wireguard-go, of which each further peer takes as much again. 1 ms a peer keeps that at
 * half a percent for 1,000 peers and below a tenth for any number; half a minute is a quarter of the time between two
 * handshakes of a client.
 */
export function readEveryMs(peers: number): number {
  return Math.min(readTimes.most, Math.max(readTimes.least, peers))
}

/** Reads which peers this node serves, again and again, and stores in the roster what has changed. It has no state of its own. */
export class PeerReader {
  readonly #options: PeerReaderOptions
  /** By service, the keys of peers without allowed IPs. */
  readonly #withoutAddress = new Map<string, { readonly keys: ReadonlySet<string>; readonly atMs: number }>()
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
  async #readOne(source: PeerSource): Promise<number> {
    const { node, roster, clock, publish } = this.#options
    const { service } = source
    let peers = 0
    const show = (field: Parameters<typeof showWgLines>[1], onLine: (line: string) => void) =>
      this.#options.show(source.interface, field, onLine, {
        // It includes the time that this process takes for the lines.
        timeoutMs: Math.max(readTimes.timeout, readEveryMs(peers)),
        signal: this.#closed.signal,
      })
    const changed = new Map<string, number>()
    const sinceMs = clock.wall() - expiryMs
    let isNew = false
    await show('latest-handshakes', (line) => {
      peers += 1
      const tab = line.indexOf('\t')
      const handshakeMs = Number(line.slice(tab + 1)) * 1000
      if (tab === -1 || !(handshakeMs > sinceMs)) return
      const known = roster.entryOf(node, service, line.slice(0, tab))
      if (known?.handshakeMs === handshakeMs) return
      isNew ||= known === null
      changed.set(copy(line.slice(0, tab)), handshakeMs)
    })
    const ignored = await this.#ignore(source, isNew, show)
    const replays = this.#replays.get(service) ?? new ReplayWatch()
    this.#replays.set(service, replays)
    await show('transfer', (line) => {
      const tab = line.indexOf('\t')
      const known = roster.entryOf(node, service, line.slice(0, tab))
      if (known === null) replays.forget(line.slice(0, tab))
      else replays.receive(known.peer, Number(line.slice(tab + 1, line.indexOf('\t', tab + 1))))
    })
    const claims: RosterClaim[] = []
    const displaced: DisplacedPeer[] = []
    try {
      await show('endpoints', (line) => {
        const tab = line.indexOf('\t')
        const peer = line.slice(0, tab)
        const known = roster.entryOf(node, service, peer)
        const handshakeMs = changed.get(peer) ?? known?.handshakeMs
        if (handshakeMs === undefined || ignored.has(peer)) return
        // Most lines: without it, they are most of the cost.
        if (known !== null && known.handshakeMs === handshakeMs && isPrinted(line, tab + 1, known.endpoint))
          return
        const text = line.slice(tab + 1)
        const endpoint = parseEndpoint(text)
        if (endpoint === null) return
        if (known !== null && known.handshakeMs === handshakeMs) {
          const verdict = replays.judge(known.peer, text)
          if (verdict === 'replayed') displaced.push(known)
          if (verdict !== 'moved') return
        }
        const claim = { service, peer: known?.peer ?? copy(peer), endpoint, handshakeMs }
        if (roster.put(node, claim, clock.wall()) === 'stored') claims.push(claim)
      })
    } finally {
      // They are in the roster, so no later reading finds that they have changed.
      if (claims.length > 0) publish(claims)
    }
    // Within a second or two, a client that is there has sent data.
    if (replays.finish()) this.hurry()
    if (displaced.length > 0) await this.#options.putBack(service, displaced)
    return peers
  }

  async #ignore(
    { service, probes }: PeerSource,
    isNew: boolean,
    show: (field: 'allowed-ips', onLine: (line: string) => void) => Promise<void>,
  ): Promise<ReadonlySet<string>> {
    if (!this.#options.observed) return new Set(probes)
    const nowMs = this.#options.clock.now()
    const known = this.#withoutAddress.get(service)
    if (known !== undefined && (!isNew || nowMs - known.atMs < readTimes.allowedIps)) return known.keys
    const keys = new Set(probes)
    await show('allowed-ips', (line) => {
      if (line.endsWith('\t(none)')) keys.add(copy(line.slice(0, -7)))
    })
    this.#withoutAddress.set(service, { keys, atMs: nowMs })
    return keys
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
    : { address: copy(address), port }
}

/** Whether the rest of the line is this endpoint. */
function isPrinted(line: string, start: number, { address, port }: Endpoint): boolean {
  const isBracketed = line[start] === '['
  const at = isBracketed ? start + 1 : start
  const colon = at + address.length + (isBracketed ? 1 : 0)
  return line.startsWith(address, at) && line[colon] === ':' && Number(line.slice(colon + 1)) === port
}

/** V8 keeps the whole text that a part of it is of. */
function copy(part: string): string {
  return Buffer.from(part, 'latin1').toString('latin1')
}
