import {
  countFlaps,
  type FlapHistory,
  type HoldDownRules,
  holdDownMs,
  noFlaps,
  takeBetter,
  takeWorse,
} from '../health/hold-down.ts'

/** The sites that say whether they reach an endpoint, and those of them that do not. */
export interface RemoteCount {
  readonly sites: number
  readonly failing: number
}

/** Whether other sites reach an endpoint, over time. Times are of the caller's monotonic clock. */
export interface ReachState {
  readonly outOfReach: boolean
  /** Since when what they say contradicts it. */
  readonly againstSince: number | null
  readonly flaps: FlapHistory
}

export const withinReach: ReachState = { outOfReach: false, againstSince: null, flaps: noFlaps }

/** For so long they must agree, in either direction. */
const leastMs = 3000
/** One site alone may be at fault itself. */
const leastSites = 2

function isOut(count: RemoteCount | null): boolean {
  return count !== null && count.failing >= leastSites && count.failing * 2 > count.sites
}

/** @param count `null`: no site says anything. Without evidence it counts as reached. */
export function reduceReach(
  state: ReachState,
  count: RemoteCount | null,
  now: number,
  rules: HoldDownRules,
): ReachState {
  const { outOfReach, flaps } = state
  if (isOut(count) === outOfReach)
    return state.againstSince === null ? state : { ...state, againstSince: null }
  const againstSince = state.againstSince ?? now
  const holdMs = outOfReach ? holdDownMs(countFlaps(flaps, now, rules), rules) : 0
  if (now - againstSince < Math.max(leastMs, holdMs)) return { ...state, againstSince }
  return {
    outOfReach: !outOfReach,
    againstSince: null,
    flaps: outOfReach ? takeBetter(flaps, now) : takeWorse(flaps, now, rules),
  }
}

/** Why an endpoint is out of reach, as a sentence; `null`: it is not. */
export function describeReach({ outOfReach }: ReachState, count: RemoteCount | null): string | null {
  if (!outOfReach) return null
  return count !== null && isOut(count)
    ? `${count.failing} of ${count.sites} sites that probe it do not reach it`
    : 'other sites reach it again, but not yet for long enough'
}
