import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { Announcements } from '../../net/announcements.ts'

/**
 * One routing daemon on this node, BIRD or FRR. Input: the whole set of announcements. Output: the routes
 * advertised to each neighbor, as observed. An adapter decides nothing and retries nothing.
 */
export interface RoutingDaemon {
  readonly kind: DaemonKind

  /** Reads the version and router id of the running daemon. Throws DaemonError. */
  identify(): Promise<DaemonIdentity>

  /**
   * Makes `desired` the whole set of our prefixes that this daemon originates.
   * Resolves when the daemon has accepted it; only `observe` proves the effect. Idempotent. Throws DaemonError.
   */
  apply(desired: Announcements): Promise<void>

  /** The routes advertised to each neighbor, from the daemon's own export state. Throws DaemonError. */
  observe(): Promise<Observation>

  /** Drops the connection to the daemon; a pending call rejects. */
  close(): void

  /**
   * Closes, and resolves when the process may end: when the daemon has completed an answer that is late or not wanted any more,
   * or after two seconds.
   */
  leave(): Promise<void>
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
   * For each of our prefixes, how many other nodes announce it over iBGP, not degraded. `null` if no established
   * session can report it.
   */
  readonly otherAnnouncers: ReadonlyMap<string, number> | null
  /** Why no prefix can be originated, if that is known. */
  readonly remark?: string
}

export interface NeighborObservation {
  readonly neighbor: string
  /** `missing`: the daemon's configuration has no such session. */
  readonly session: 'up' | 'down' | 'missing'
  /** Our prefixes that this neighbor has, in address order; empty unless the session is up. */
  readonly announced: Announcements
  /** On an attached node: what its own configuration does with a prefix, by prefix; `session`: with the session. */
  readonly remarks?: ReadonlyMap<string, string>
}

/** The neighbors whose session is up. */
export function neighborsUp({ neighbors }: Observation): ReadonlySet<string> {
  return new Set(neighbors.filter(({ session }) => session === 'up').map(({ neighbor }) => neighbor))
}

/** What the daemon counts, for metrics, over a connection of its own: announcements do not wait for it. */
export interface RoutingCounts {
  /** Throws DaemonError. */
  look(): Promise<RoutingCountsLook>
  close(): void
}

export interface RoutingCountsLook {
  /** For each neighbor whose session is up, the prefixes accepted from it and advertised to it, of both families. */
  readonly neighbors: ReadonlyMap<string, { readonly received: number; readonly sent: number }>
  /** Whether an RTR cache is connected; `null`: the daemon has none, or this does not show it. */
  readonly cacheUp: boolean | null
}

/** `missing`: the daemon has no BFD session with this neighbor. */
export type BfdState = 'up' | 'down' | 'missing'

/** The BFD sessions of the daemon, over a connection of its own, so that announcements do not wait for it. */
export interface BfdSessions {
  /** The state for each neighbor with BFD in the manifest, in its order. Throws DaemonError. */
  look(): Promise<ReadonlyMap<string, BfdState>>
  close(): void
}

/**
 * Origin validation of a daemon that does not re-evaluate its routes when VRPs change (required by RFC 6811,
 * section 4).
 */
export interface OriginValidation {
  /** Costs the daemon next to nothing. Throws DaemonError. */
  look(): Promise<ValidationLook>
  /** Re-evaluates the routes received from validated neighbors; no session restarts. Throws DaemonError. */
  reevaluate(): Promise<void>
  /**
   * Restarts the daemon's RTR sessions if the last good cache answers: VRPs of the other caches are dropped.
   * `false`: it does not answer. Throws DaemonError.
   */
  reconnect(): Promise<boolean>
  close(): void
}

export interface ValidationLook {
  /** The RTR cache that is connected and has sent its VRPs, as `host:port`, or `null`. */
  readonly cache: string | null
  /** Changes, almost always, when the daemon's VRPs change. */
  readonly fingerprint: string
}

/** Runtime announcements that `write memory` saved in a file: the daemon announces them when it starts. */
export interface SavedNetworks {
  /** Cheap where no file has changed. Never rejects. */
  look(): Promise<SavedLook>
}

export interface SavedLook {
  readonly found: readonly SavedNetwork[]
  /** The first file that cannot be read; its content is unknown. */
  readonly problem: { readonly file: string; readonly cause: string } | null
}

export interface SavedNetwork {
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  readonly prefix: string
}

type DaemonErrorCode =
  /** No socket, or no process listens on it. */
  | 'not-running'
  /** This user may not open the socket, or the owned file. */
  | 'permission'
  /** Connected, but no answer within the deadline: stopped or stuck. */
  | 'timeout'
  /** The daemon refused the command; `reply` has its text. */
  | 'refused'
  /** This adapter does not know the daemon's answer. */
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
