import type { PrefixRange } from '../../net/prefix-range.ts'
import type { VrpSet } from '../rpki/vrp-set.ts'

/** The inputs of a plan besides the fleet's YAML, as arguments: the planner reads nothing itself. */
export interface PlanFeeds {
  /** The prefixes accepted from a neighbor, by `irrKey`; a missing set is not available. */
  readonly irr: ReadonlyMap<string, readonly PrefixRange[]>
  /** To validate our own announcements; `null`: do not validate. */
  readonly vrps: VrpSet | null
}

export const noFeeds: PlanFeeds = { irr: new Map(), vrps: null }
export { irrKey } from '../sites/irr-key.ts'
