/** Where the packets of a peer come from: of its NAT, if it is behind one. */
export interface Endpoint {
  /** Canonical. */
  readonly address: string
  readonly port: number
}

/** What a node says of a peer that it serves. */
export interface RosterClaim {
  readonly service: string
  /** Public key, base64. */
  readonly peer: string
  readonly endpoint: Endpoint
  /** Of the newest handshake, in milliseconds since 1970 by the clock of the node that serves the peer. */
  readonly handshakeMs: number
}

export const serviceStates = ['announcing', 'draining', 'withdrawn'] as const
export type ServiceState = (typeof serviceStates)[number]

/**
 * Why there is no stream of a node. `left`: its controller has ended in an orderly way, for an update for example, and what it
 * announces may stay. `ended`: the connection has, so the controller is dead or was killed. `silent`: nothing came for some
 * seconds, so the node hangs or is cut off.
 */
export const endings = ['left', 'ended', 'silent'] as const
export type Ending = (typeof endings)[number]

/** What a node has learned of another one. */
export type NodeEvent =
  | { readonly event: 'state'; readonly node: string; readonly service: string; readonly state: ServiceState }
  /** Its stream is there. Its states follow. */
  | { readonly event: 'up'; readonly node: string }
  | { readonly event: 'down'; readonly node: string; readonly ending: Ending }

/** The streams between this node and the others. */
export interface RosterLink {
  /** Sent to every other node at once, and to those that connect later. */
  say(service: string, state: ServiceState): void
  /** Called for each event from now on; the result ends it. */
  onEvent(listener: (event: NodeEvent) => void): () => void
}

/** Of the stream from one other node. */
export interface StreamStatus {
  readonly node: string
  readonly up: boolean
  /** Since when, in milliseconds since 1970. */
  readonly sinceMs: number
  /** Why it is not there; `null`: it is, or was not tried. */
  readonly problem: string | null
}
