import type { Endpoint, RosterClaim } from '../../fleet/roster/link.ts'
import { publicKeyPattern } from '../../manifest/values.ts'
import { EndpointIndex, type EndpointObserver } from './endpoint-index.ts'
import { isEndpoint, type RosterEntry } from './entry.ts'

/** Why a claim is not stored. */
export type RosterRefusal =
  | 'unknown-node'
  | 'unknown-service'
  | 'invalid-key'
  | 'invalid-endpoint'
  | 'unknown-clock'
  | 'future'
  | 'expired'
  | 'older'

/** `known`: nothing has changed. */
export type RosterOutcome = 'stored' | 'known' | RosterRefusal

export interface RosterNode {
  readonly name: string
  readonly site: string
  /** That it serves: its claims of others are refused. */
  readonly services: readonly string[]
}

export interface RosterSettings {
  /** Of this node, whose clock the times are compared with. */
  readonly self: string
  /** All nodes, this one included. */
  readonly nodes: readonly RosterNode[]
  /** Canonical addresses that are ours, and so no client's. */
  readonly anycast: readonly string[]
  /** Of all nodes together; 100,000 unless it is given. */
  readonly limit?: number
}

/** REJECT_AFTER_TIME of WireGuard: after so long, no session is left that could be rescued. */
export const expiryMs = 180_000

/** `wg` prints handshakes in whole seconds, and a clock is only known to within the delay of a message. */
export const toleranceMs = 2_000

/**
 * Which peer is served where: in memory only, for at most three minutes after the peer's handshake. Each node has entries
 * of its own, and of several for one peer the one with the newest handshake is the owner's. So a node that claims
 * the peers of another hides the other's entries, and removes none.
 *
 * It is bounded. When it is full, a node with more than its share loses its own oldest entry: no node
 * can remove what another has within its share.
 */
export class Roster {
  readonly #self: string
  readonly #limit: number
  readonly #anycast: ReadonlySet<string>
  readonly #holders: ReadonlyMap<string, Holder>
  readonly #share: number
  readonly #byEndpoint = new EndpointIndex()
  #size = 0
  #sweep: Iterator<[Holder, RosterEntry]> | null = null

  constructor({ self, nodes, anycast, limit = 100_000 }: RosterSettings) {
    this.#self = self
    this.#limit = limit
    this.#anycast = new Set(anycast)
    this.#holders = new Map(nodes.map((node) => [node.name, createHolder(node, node.name === self)]))
    this.#share = Math.max(1, Math.floor(limit / Math.max(1, nodes.length)))
  }

  get size(): number {
    return this.#size
  }

  /** Called for what changes from now on. */
  observe(observer: EndpointObserver): void {
    this.#byEndpoint.observe(observer)
  }

  /**
   * How far a node's clock is ahead of this one's, in milliseconds. Before the first one, its claims are refused: their age
   * is not known.
   */
  setSkew(node: string, skewMs: number): void {
    const holder = this.#holders.get(node)
    if (holder !== undefined && node !== this.#self) holder.skewMs = skewMs
  }

  /** `null`: not known. */
  skewOf(node: string): number | null {
    return this.#holders.get(node)?.skewMs ?? null
  }

  /** Stores what the node says of a peer that it serves; the caller knows that it is this node. `nowMs` is wall time. */
  put(node: string, claim: RosterClaim, nowMs: number): RosterOutcome {
    const holder = this.#holders.get(node)
    if (holder === undefined) return 'unknown-node'
    const { service, peer, endpoint, handshakeMs } = claim
    const peers = holder.peers.get(service)
    if (peers === undefined) return 'unknown-service'
    if (holder.skewMs === null) return 'unknown-clock'
    const ageMs = nowMs + holder.skewMs - handshakeMs
    // Not a number is refused too.
    if (!(ageMs >= -toleranceMs)) return 'future'
    if (ageMs >= expiryMs) return 'expired'
    const known = peers.get(peer)
    if (known !== undefined) {
      if (handshakeMs < known.handshakeMs) return 'older'
      if (handshakeMs === known.handshakeMs && isSame(endpoint, known.endpoint)) return 'known'
    } else if (!publicKeyPattern.test(peer)) return 'invalid-key'
    if (known === undefined || !isSame(endpoint, known.endpoint)) {
      if (!isEndpoint(endpoint) || this.#anycast.has(endpoint.address)) return 'invalid-endpoint'
    }
    if (known === undefined) this.#makeRoom(holder)
    const entry = { service, peer, endpoint, handshakeMs, node, site: holder.site }
    holder.newestMs = Math.max(holder.newestMs ?? handshakeMs, handshakeMs)
    // Last in the map, which so begins with the oldest.
    peers.delete(peer)
    peers.set(peer, entry)
    if (known === undefined) {
      holder.size += 1
      this.#size += 1
    }
    // Before the former one is removed, so that observers see no change where the endpoint stays.
    this.#byEndpoint.add(entry)
    if (known !== undefined) this.#byEndpoint.remove(known)
    const crowded = this.#byEndpoint.crowdedBy(entry)
    if (crowded !== null) this.#remove(holder, crowded)
    return 'stored'
  }

  /** The entry of the peer's owner, or `null`. */
  find(service: string, peer: string, nowMs: number): RosterEntry | null {
    let best: RosterEntry | null = null
    for (const holder of this.#holders.values()) {
      const entry = holder.peers.get(service)?.get(peer)
      if (entry === undefined || this.#isExpired(holder, entry, nowMs)) continue
      if (best === null || this.#isNewer(entry, best)) best = entry
    }
    return best
  }

  /** The peers that are served at the endpoint, each by its owner's entry; the newest first, and mostly one. */
  findByEndpoint(service: string, endpoint: Endpoint, nowMs: number): RosterEntry[] {
    return this.#byEndpoint
      .at(service, endpoint)
      .filter((entry) => this.find(service, entry.peer, nowMs) === entry)
      .sort((a, b) => (this.#isNewer(a, b) ? -1 : 1))
  }

  /** The peers of a service that a node owns. */
  *ownedBy(node: string, service: string, nowMs: number): Generator<RosterEntry> {
    for (const entry of this.#holders.get(node)?.peers.get(service)?.values() ?? []) {
      if (this.find(service, entry.peer, nowMs) === entry) yield entry
    }
  }

  /** What a node has said of one peer. */
  entryOf(node: string, service: string, peer: string): RosterEntry | null {
    return this.#holders.get(node)?.peers.get(service)?.get(peer) ?? null
  }

  /** What a node has said, whether or not it is the owner: what is sent to others. */
  *entriesOf(node: string): Generator<RosterEntry> {
    for (const peers of this.#holders.get(node)?.peers.values() ?? []) yield* peers.values()
  }

  /**
   * Removes expired entries. It looks at `most` of them, and the next call goes on from there, so that a call never takes
   * long. Look-ups find no expired entry in any case.
   */
  expire(nowMs: number, most: number): void {
    this.#sweep ??= this.#all()
    for (let seen = 0; seen < most; seen += 1) {
      const next = this.#sweep.next()
      if (next.done === true) {
        this.#sweep = null
        return
      }
      const [holder, entry] = next.value
      if (this.#isExpired(holder, entry, nowMs)) this.#remove(holder, entry)
    }
  }

  /** How many entries each node has, and the age of its newest handshake; `null`: it has said none. */
  counts(nowMs: number): { node: string; site: string; entries: number; ageMs: number | null }[] {
    return [...this.#holders].map(([node, { site, size, skewMs, newestMs }]) => {
      const ageMs = newestMs === null ? null : nowMs + (skewMs ?? 0) - newestMs
      return { node, site, entries: size, ageMs }
    })
  }

  *#all(): Generator<[Holder, RosterEntry]> {
    for (const holder of this.#holders.values()) {
      for (const peers of holder.peers.values()) {
        for (const entry of peers.values()) yield [holder, entry]
      }
    }
  }

  /** Of two entries for one peer. Between handshakes of the same second the name decides, so that all nodes agree. */
  #isNewer(a: RosterEntry, b: RosterEntry): boolean {
    const difference = a.handshakeMs - this.#skew(a.node) - (b.handshakeMs - this.#skew(b.node))
    return difference !== 0 ? difference > 0 : a.node > b.node
  }

  #skew(node: string): number {
    return this.#holders.get(node)?.skewMs ?? 0
  }

  #isExpired({ skewMs }: Holder, { handshakeMs }: RosterEntry, nowMs: number): boolean {
    return nowMs + (skewMs ?? 0) - handshakeMs >= expiryMs
  }

  #makeRoom(wanting: Holder): void {
    if (this.#size < this.#limit) return
    let loser = wanting
    if (wanting.size < this.#share) {
      for (const holder of this.#holders.values()) if (holder.size > loser.size) loser = holder
    }
    const oldest = oldestOf(loser)
    if (oldest !== null) this.#remove(loser, oldest)
  }

  #remove(holder: Holder, entry: RosterEntry): void {
    holder.peers.get(entry.service)?.delete(entry.peer)
    holder.size -= 1
    this.#size -= 1
    this.#byEndpoint.remove(entry)
  }
}

interface Holder {
  readonly site: string
  /** By service, then by peer. A service that the node does not have is missing. */
  readonly peers: ReadonlyMap<string, Map<string, RosterEntry>>
  size: number
  skewMs: number | null
  newestMs: number | null
}

function createHolder({ site, services }: RosterNode, isSelf: boolean): Holder {
  const peers = new Map(services.map((service) => [service, new Map<string, RosterEntry>()]))
  return { site, peers, size: 0, skewMs: isSelf ? 0 : null, newestMs: null }
}

function oldestOf({ peers }: Holder): RosterEntry | null {
  let oldest: RosterEntry | null = null
  for (const entries of peers.values()) {
    const first = entries.values().next().value
    if (first !== undefined && (oldest === null || first.handshakeMs < oldest.handshakeMs)) oldest = first
  }
  return oldest
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.address === b.address
}
