import type { Announcements } from '../../net/announcements.ts'

/**
 * One routing daemon on this node, BIRD or FRR, seen as a set: what the node should announce goes in
 * whole, and what each neighbor was really told comes out. An adapter decides nothing and retries nothing.
 */
export interface RoutingDaemon {
  readonly kind: 'bird' | 'frr'

  /** Asks the running daemon who it is. Throws DaemonError. */
  identify(): Promise<DaemonIdentity>

  /**
   * Makes `desired` the whole set of our prefixes that this daemon originates.
   * Resolves when the daemon took it, which is not proof: only `observe` is. Idempotent. Throws DaemonError.
   */
  apply(desired: Announcements): Promise<void>

  /** What each neighbor was told, from the daemon's own export state. Throws DaemonError. */
  observe(): Promise<Observation>

  /** Drops the connection to the daemon; a pending call rejects. */
  close(): void
}

export interface DaemonIdentity {
  readonly version: string
  /** Dotted quad. */
  readonly routerId: string
}

export interface Observation {
  /** Our prefixes that the daemon originates now, whether or not a neighbor has them, in address order. */
  readonly originated: Announcements
  /** One entry for each neighbor of the manifest, in its order. */
  readonly neighbors: readonly NeighborObservation[]
  /**
   * By prefix of ours, how many other nodes announce it over iBGP, and not degraded. `null` where no session that is
   * up can report it.
   */
  readonly otherAnnouncers: ReadonlyMap<string, number> | null
}

export interface NeighborObservation {
  readonly neighbor: string
  /** `missing`: the daemon's configuration has no such session. */
  readonly session: 'up' | 'down' | 'missing'
  /** Our prefixes that this neighbor has, in address order; empty unless the session is up. */
  readonly announced: Announcements
}

/**
 * The origin validation of a daemon that does not look again at its routes when VRPs change (RFC 6811,
 * section 4 asks for it).
 */
export interface OriginValidation {
  /** Costs the daemon next to nothing. Throws DaemonError. */
  look(): Promise<ValidationLook>
  /** Has the daemon judge anew what its validated neighbors have told it; no session restarts. Throws DaemonError. */
  reevaluate(): Promise<void>
  /**
   * Has the daemon begin anew with its caches, if the last good one answers there: what it has of the others is
   * thrown away. `false`: it does not answer. Throws DaemonError.
   */
  reconnect(): Promise<boolean>
  close(): void
}

export interface ValidationLook {
  /** The RTR cache that is connected and has sent its VRPs, as `host:port`, or `null`. */
  readonly cache: string | null
  /** Differs, all but surely, when the daemon's VRPs do. */
  readonly fingerprint: string
}

/** What an operator's `write memory` has saved of what the controller sets at run time: the daemon announces it at a start. */
export interface SavedNetworks {
  /** Cheap where no file has changed. Never rejects. */
  look(): Promise<SavedLook>
}

export interface SavedLook {
  readonly found: readonly SavedNetwork[]
  /** The first file that can't be read; what it says is not known. */
  readonly problem: { readonly file: string; readonly cause: string } | null
}

export interface SavedNetwork {
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  readonly prefix: string
}

type DaemonErrorCode =
  /** No socket, or nobody listens on it. */
  | 'not-running'
  /** This user may not open the socket, or the owned file. */
  | 'permission'
  /** Connected, but no answer within the deadline: stopped or stuck. */
  | 'timeout'
  /** The daemon understood and said no; `reply` holds its words. */
  | 'refused'
  /** The daemon answered something that this adapter does not know. */
  | 'protocol'
  /** The owned file could not be written. */
  | 'file'
  /** The connection broke, or was closed while a call was under way. */
  | 'disconnected'

export class DaemonError extends Error {
  override readonly name = 'DaemonError'
  readonly code: DaemonErrorCode
  readonly reply: string | null

  constructor(code: DaemonErrorCode, message: string, options: { reply?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.reply = options.reply ?? null
  }
}
