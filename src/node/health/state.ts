import type { CheckName, SideCheck } from '../../manifest/words.ts'
import type { FlapHistory } from './hold-down.ts'
import type { Lateness } from './lateness.ts'
import type { LossWindow } from './window.ts'

/** `unhealthy`: the endpoint cannot serve. `impaired`: it serves, but badly. */
export type HealthStatus = 'unknown' | 'healthy' | 'impaired' | 'unhealthy'

/** Why an endpoint is not healthy: the check that failed, the cause in one word, and a sentence. */
export interface Problem {
  readonly check: CheckName
  /** One word for logs, metrics and decisions, such as `interface-missing` or `no-reply`. */
  readonly cause: string
  readonly detail: string
}

/** Plain data, as JSON can represent. Times are milliseconds of the caller's monotonic clock. */
export interface HealthState {
  readonly status: HealthStatus
  /** When the status last changed. */
  readonly since: number
  /** The status before a restart; used while the status is unknown again. */
  readonly before: HealthStatus
  /** At most `rise`. */
  readonly goodInRow: number
  readonly badInRow: number
  /** When the present run of good probes began. */
  readonly goodSince: number | null
  /** The latest problem of the probe; null once one was good. */
  readonly problem: Problem | null
  /**
   * The proof that it is unhealthy: the problem of the last `fall` bad probes in a row; null after `rise` good ones. It
   * does not change with each probe of an endpoint that alternates.
   */
  readonly proven: Problem | null
  /** The present problem of the links. No probe outweighs it. */
  readonly linkProblem: Problem | null
  /** The time of the first of the present bad probes or link events in a row; null while there is none. */
  readonly badSince: number | null
  readonly window: LossWindow
  /** Set while too many probes are lost. */
  readonly loss: Problem | null
  readonly sides: { readonly [check in SideCheck]?: SideState }
  readonly late: Lateness
  /** Set while only late probes came for `starvedAfterMs`. */
  readonly starved: Problem | null
  /** Since when it is not impaired; null while it is. */
  readonly wellSince: number | null
  readonly flaps: FlapHistory
  /** The end of the hold-down; set while only the hold-down prevents a better status. */
  readonly heldUntil: number | null
}

/** The state of a side check. Before the first result it counts as good. */
export interface SideState {
  /** Null while the check counts as good. */
  readonly problem: Problem | null
  /** Results in a row that contradict the present state. */
  readonly against: number
  /** The time of the first of the present bad results in a row, in milliseconds of the caller's clock. */
  readonly badSince: number | null
}
