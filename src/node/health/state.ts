import type { CheckName, SideCheck } from '../../manifest/words.ts'
import type { FlapHistory } from './hold-down.ts'
import type { Lateness } from './lateness.ts'
import type { LossWindow } from './window.ts'

/** `unhealthy` is dead: nothing can be served. `impaired`: it serves, but badly. */
export type HealthStatus = 'unknown' | 'healthy' | 'impaired' | 'unhealthy'

/** Why an endpoint is not well: the check that says so, its cause in one word, and a sentence. */
export interface Problem {
  readonly check: CheckName
  /** One word for logs, metrics and decisions, such as `interface-missing` or `no-reply`. */
  readonly cause: string
  readonly detail: string
}

/** Plain data, that JSON can hold. Times are milliseconds of the caller's clock, which never goes back. */
export interface HealthState {
  readonly status: HealthStatus
  /** When the status became what it is. */
  readonly since: number
  /** What the status was before a restart; it matters while it is unknown again. */
  readonly before: HealthStatus
  /** At most `rise`. */
  readonly goodInRow: number
  readonly badInRow: number
  /** When the present run of good probes began. */
  readonly goodSince: number | null
  /** The latest problem of the probe; null once one was good. */
  readonly problem: Problem | null
  /**
   * What has proven it dead: the problem of the last `fall` bad probes in a row; null once `rise` were good. So it
   * does not change with each probe of an endpoint that alternates.
   */
  readonly proven: Problem | null
  /** What is wrong with the links now: it needs no probe to be known, and no probe can outweigh it. */
  readonly linkProblem: Problem | null
  /** When the first of the present run of bad probes or link events came; null while all is well. */
  readonly troubleSince: number | null
  readonly window: LossWindow
  /** Set while too many probes are lost. */
  readonly loss: Problem | null
  readonly sides: { readonly [check in SideCheck]?: SideState }
  readonly late: Lateness
  /** Set while nothing but late probes came for long. */
  readonly starved: Problem | null
  /** Since when nothing impairs it; null while something does. */
  readonly wellSince: number | null
  readonly flaps: FlapHistory
  /** Set while nothing but the hold-down keeps the status from a better one: its end. */
  readonly heldUntil: number | null
}

/** What a side check has proven, from the start on: that all is well. */
export interface SideState {
  /** What is wrong; null while it counts as well. */
  readonly problem: Problem | null
  /** Results in a row that speak against what is proven. */
  readonly against: number
  /** When the first of the present run of bad results came. Milliseconds of the caller's clock. */
  readonly troubleSince: number | null
}
