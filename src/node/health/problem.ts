import { type CheckName, sideChecks } from '../../manifest/words.ts'
import type { HealthState, Problem, SideState } from './state.ts'

/** What is dead is dead for this; null while only its recovery is waited for. */
export function findCauseOfDeath(state: HealthState): Problem | null {
  return state.linkProblem ?? state.proven
}

/** What speaks against the endpoint's serving at all: what the links say goes before what a probe says. */
function findVitalProblem(state: HealthState): Problem | null {
  return state.linkProblem ?? state.problem
}

/** What makes it serve badly. */
export function findImpairment(state: HealthState): Problem | null {
  return state.loss ?? findBadSide(state)?.problem ?? state.starved
}

function findBadSide(state: HealthState): SideState | undefined {
  return sideChecks.map((check) => state.sides[check]).find((side) => side?.problem)
}

/**
 * When the first of the bad results came that what is wrong now is known by, in the caller's clock; null where nothing
 * is wrong, or no single result told it.
 */
export function findTroubleSince(state: HealthState): number | null {
  if (state.troubleSince !== null || state.loss !== null) return state.troubleSince
  return findBadSide(state)?.troubleSince ?? null
}

/** Whether nothing speaks against a check now. */
export function isCheckGood(state: HealthState, check: CheckName): boolean {
  const sides: Partial<Record<CheckName, SideState>> = state.sides
  return (
    findVitalProblem(state)?.check !== check &&
    state.loss?.check !== check &&
    (sides[check]?.problem ?? null) === null
  )
}
