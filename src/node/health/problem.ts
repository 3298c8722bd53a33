import { type CheckName, sideOrder } from '../../manifest/words.ts'
import type { HealthState, Problem, SideState } from './state.ts'

/** Why the endpoint is unhealthy; null if it only waits for its recovery. */
export function findCauseOfDeath(state: HealthState): Problem | null {
  return state.linkProblem ?? state.proven
}

/** Why the endpoint cannot serve. A link problem takes precedence over a probe's. */
function findVitalProblem(state: HealthState): Problem | null {
  return state.linkProblem ?? state.problem
}

/** Why the endpoint is impaired. */
export function findImpairment(state: HealthState): Problem | null {
  return state.loss ?? findBadSide(state)?.problem ?? state.starved
}

function findBadSide(state: HealthState): SideState | undefined {
  return sideOrder.map((check) => state.sides[check]).find((side) => side?.problem)
}

/**
 * The time of the first bad result of the present problem, in the caller's clock; null without a problem, or if no
 * single result revealed it.
 */
export function findProblemSince(state: HealthState): number | null {
  if (state.badSince !== null || state.loss !== null) return state.badSince
  return findBadSide(state)?.badSince ?? null
}

/** Whether a check passes now. */
export function isCheckGood(state: HealthState, check: CheckName): boolean {
  const sides: Partial<Record<CheckName, SideState>> = state.sides
  return (
    findVitalProblem(state)?.check !== check &&
    state.loss?.check !== check &&
    (sides[check]?.problem ?? null) === null
  )
}
