import { ClockSkew } from './clock-skew.ts'
import {
  type Ending,
  endings,
  type NodeEvent,
  type RosterClaim,
  type RosterLink,
  type ServiceState,
  type StreamStatus,
  serviceStates,
} from './link.ts'
import type { Batch, Claims } from './roster_pb.ts'
import { type Credentials, RosterServer } from './server.ts'
import { NodeStream } from './stream.ts'
import { type BatchInit, frame, mostEntries, packClaims, stateOf, unpackClaims } from './wire.ts'

/** Milliseconds. */
export const meshTimes = {
  /** Claims wait so long at most for others that are sent with them. */
  batch: 20,
  keepAlive: 1_000,
  silence: 3_000,
  /** Before the next attempt to listen. */
  listen: 1_000,
}

/** What the streams carry is kept elsewhere. */
export interface ClaimKeeper {
  /** @returns those that are news to this node */
  take(node: string, claims: readonly RosterClaim[]): readonly RosterClaim[]
  setSkew(node: string, skewMs: number): void
  skewOf(node: string): number | null
  /** What a node has said, also this one. */
  claimsOf(node: string): Iterable<RosterClaim>
}

export interface MeshOptions {
  readonly self: string
  readonly listen: { readonly address: string; readonly port: number }
  /** Of the others, those that this node follows. */
  readonly follows: readonly { readonly name: string; readonly address: string; readonly port: number }[]
  /** All other nodes of the fleet. */
  readonly nodes: readonly string[]
  /** Which nodes pass on what others say; empty in a full mesh. */
  readonly relays: readonly string[]
  readonly credentials: Credentials
  readonly keeper: ClaimKeeper
  readonly wall: () => number
  /** `null`: the others can connect. Otherwise why not; it is tried again. */
  readonly onListen: (failure: string | null) => void
}

/** This node's part of the streams between all nodes: what it says, and what it hears. */
export class RosterMesh implements RosterLink {
  readonly #options: MeshOptions
  readonly #server: RosterServer
  readonly #streams: readonly NodeStream[]
  readonly #listeners = new Set<(event: NodeEvent) => void>()
  readonly #states = new Map<string, ServiceState>()
  /** Of other nodes: by node, from which of the followed ones their stream is known to be there. */
  readonly #present = new Map<string, Set<string>>()
  /** Of other nodes, for those that follow all. */
  readonly #theirStates = new Map<string, Map<string, ServiceState>>()
  readonly #waiting = new Map<string, RosterClaim[]>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #flushing: NodeJS.Timeout | null = null
  #isClosed = false

  constructor(options: MeshOptions) {
    this.#options = options
    const { credentials, follows, nodes, relays, self } = options
    this.#server = new RosterServer({
      ...{ credentials, nodes: new Set(nodes) },
      hello: (what) => this.#frame(this.#describe(what)),
      snapshot: (what) => this.#snapshot(what),
    })
    const isRelay = relays.includes(self)
    this.#streams = follows.map(
      ({ name, address, port }) =>
        new NodeStream({
          ...{ node: name, address, port, credentials, silenceMs: meshTimes.silence },
          all: relays.includes(name) && !isRelay,
          ...this.#handlers(name),
        }),
    )
    void this.#listen()
    this.#timers.add(setInterval(() => this.#server.keepAlive(this.#frame({})), meshTimes.keepAlive))
  }

  get streams(): StreamStatus[] {
    return this.#streams.map(({ status }) => status)
  }

  get followers(): number {
    return this.#server.followers
  }

  say(service: string, state: ServiceState): void {
    if (this.#states.get(service) === state) return
    this.#states.set(service, state)
    this.#server.sendNow(this.#frame({ states: [packState('', service, state)] }), 'own')
  }

  onEvent(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Claims of this node. They are sent together with others of the next 20 ms. */
  publish(claims: readonly RosterClaim[]): void {
    this.#queue(this.#options.self, claims)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#timers) clearInterval(timer)
    if (this.#flushing !== null) clearTimeout(this.#flushing)
    for (const stream of this.#streams) stream.close()
    await this.#server.close(this.#frame({ leaving: true }))
  }

  /** The address may not be on the node yet. */
  async #listen(): Promise<void> {
    const { address, port } = this.#options.listen
    let last = ''
    while (!this.#isClosed) {
      try {
        await this.#server.listen(address, port)
        this.#options.onListen(null)
        return
      } catch (error) {
        const { message } = error as Error
        if (message !== last) this.#options.onListen(message)
        last = message
        await new Promise<void>((resolve) => {
          this.#timers.add(setTimeout(resolve, meshTimes.listen))
        })
      }
    }
  }

  #handlers(source: string) {
    const skew = new ClockSkew()
    return {
      onUp: () => this.#see(source, source, null),
      onDown: (ending: Ending) => {
        this.#see(source, source, ending)
        // Of the others it is not known any more what it said.
        for (const sources of this.#present.values()) sources.delete(source)
      },
      onBatch: (batch: Batch) => this.#take(source, batch, skew),
    }
  }

  #take(source: string, batch: Batch, skew: ClockSkew): void {
    const { keeper, wall, relays, self } = this.#options
    const skewMs = skew.take(batch.clockMs, wall())
    if (!Number.isFinite(skewMs)) return
    keeper.setSkew(source, skewMs)
    // Each node speaks for itself, and relays for others.
    const isFollowed = (node: string) => this.#options.follows.some(({ name }) => name === node)
    const isRelayed = (node: string) =>
      relays.includes(source) && node !== self && !isFollowed(node) && this.#options.nodes.includes(node)
    for (const { node, ending } of batch.presences) {
      if (isRelayed(node)) this.#see(source, node, ending === 0 ? null : (endings[ending - 1] ?? 'ended'))
    }
    for (const message of batch.states) {
      const node = message.node || source
      const state = stateOf(message)
      if (state !== null && (node === source || isRelayed(node))) this.#hear(node, message.service, state)
    }
    for (const claims of batch.claims) {
      const node = claims.node || source
      if (node !== source) {
        if (!isRelayed(node)) continue
        keeper.setSkew(node, skewMs + claims.skewMs)
      }
      this.#keep(node, claims)
    }
  }

  #keep(node: string, claims: Claims): void {
    const news = this.#options.keeper.take(node, unpackClaims(claims))
    if (this.#options.relays.includes(this.#options.self)) this.#queue(node, news)
  }

  /** @param ending `null`: the stream of the node is there, as the source says */
  #see(source: string, node: string, ending: Ending | null): void {
    const sources = this.#present.get(node) ?? new Set()
    const wasPresent = sources.size > 0
    if (ending === null) sources.add(source)
    else sources.delete(source)
    this.#present.set(node, sources)
    const isPresent = sources.size > 0
    if (wasPresent === isPresent) return
    if (ending === null) this.#emit({ event: 'up', node })
    else {
      this.#theirStates.delete(node)
      this.#emit({ event: 'down', node, ending })
    }
    this.#server.sendNow(this.#frame({ presences: [packPresence(node, ending)] }), 'all')
  }

  #hear(node: string, service: string, state: ServiceState): void {
    const states = this.#theirStates.get(node) ?? new Map<string, ServiceState>()
    if (states.get(service) === state || states.size > 1000) return
    states.set(service, state)
    this.#theirStates.set(node, states)
    this.#emit({ event: 'state', node, service, state })
    this.#server.sendNow(this.#frame({ states: [packState(node, service, state)] }), 'all')
  }

  #emit(event: NodeEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  #queue(node: string, claims: readonly RosterClaim[]): void {
    if (claims.length === 0 || this.#isClosed) return
    const waiting = this.#waiting.get(node)
    if (waiting === undefined) this.#waiting.set(node, [...claims])
    else for (const claim of claims) waiting.push(claim)
    this.#flushing ??= setTimeout(() => this.#flush(), meshTimes.batch)
  }

  /** One message a turn of the event loop: after a start, there are 100,000 claims. */
  #flush(): void {
    const [first] = this.#waiting
    if (first === undefined || this.#isClosed) {
      this.#flushing = null
      return
    }
    const [node, claims] = first
    const some = claims.splice(0, mostEntries)
    if (claims.length === 0) this.#waiting.delete(node)
    for (const framed of this.#frames(node, some)) {
      this.#server.send(framed, node === this.#options.self ? 'own' : 'all')
    }
    this.#flushing = this.#waiting.size === 0 ? null : setTimeout(() => this.#flush(), 0)
  }

  *#snapshot(what: 'own' | 'all'): Generator<Buffer> {
    const { self, nodes, keeper } = this.#options
    for (const node of what === 'own' ? [self] : [self, ...nodes])
      yield* this.#frames(node, keeper.claimsOf(node))
  }

  *#frames(node: string, claims: Iterable<RosterClaim>): Generator<Buffer> {
    const { self, keeper } = this.#options
    const pack = (some: readonly RosterClaim[]) => {
      const skewMs = node === self ? 0 : (keeper.skewOf(node) ?? 0)
      return this.#frame({ claims: packClaims(node === self ? '' : node, skewMs, some) })
    }
    let some: RosterClaim[] = []
    for (const claim of claims) {
      some.push(claim)
      if (some.length < mostEntries) continue
      yield pack(some)
      some = []
    }
    if (some.length > 0) yield pack(some)
  }

  #describe(what: 'own' | 'all'): BatchInit {
    const own = [...this.#states].map(([service, state]) => packState('', service, state))
    if (what === 'own') return { states: own }
    const theirs = [...this.#theirStates].flatMap(([node, states]) =>
      [...states].map(([service, state]) => packState(node, service, state)),
    )
    const present = [...this.#present].filter(([, sources]) => sources.size > 0)
    return { states: [...own, ...theirs], presences: present.map(([node]) => packPresence(node, null)) }
  }

  #frame(batch: BatchInit): Buffer {
    return frame(batch, this.#options.wall())
  }
}

function packState(node: string, service: string, state: ServiceState) {
  return { node, service, state: serviceStates.indexOf(state) }
}

function packPresence(node: string, ending: Ending | null) {
  return { node, ending: ending === null ? 0 : endings.indexOf(ending) + 1 }
}
