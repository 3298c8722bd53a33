import type { PrefixRange } from '../net/prefix-range.ts'
import type { VrpSet } from '../rpki/vrp-set.ts'

/** What a plan needs beside the fleet's YAML. It is handed in: the planner reads nothing itself. */
export interface PlanFeeds {
  /** What may come from a neighbor, by `irrKey`; a set that is not in here could not be had. */
  readonly irr: ReadonlyMap<string, readonly PrefixRange[]>
  /** To validate our own announcements; `null`: not asked for. */
  readonly vrps: VrpSet | null
}

export const noFeeds: PlanFeeds = { irr: new Map(), vrps: null }
export { irrKey } from '../sites/irr-key.ts'
