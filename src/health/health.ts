import type { CheckName } from '../sites/fleet.ts'

export type HealthStatus = 'unknown' | 'healthy' | 'unhealthy'

/** Why an endpoint is not well: the check that says so, its cause in one word, and a sentence. */
export interface Problem {
  readonly check: CheckName
  /** One word for logs, metrics and decisions, such as `interface-missing` or `no-reply`. */
  readonly cause: string
  readonly detail: string
}

export interface HealthState {
  readonly status: HealthStatus
  /** When the status became what it is. Milliseconds of the caller's clock. */
  readonly since: number
  readonly goodInRow: number
  readonly badInRow: number
  /** The latest problem; null once a probe was good. */
  readonly problem: Problem | null
  /** What is wrong with the links now: it needs no probe to be known, and no probe can outweigh it. */
  readonly linkProblem: Problem | null
  /** When the first of the present run of bad news came; null while all is well. */
  readonly troubleSince: number | null
}

export type HealthEvent =
  | { readonly kind: 'probe-good' }
  | { readonly kind: 'probe-bad'; readonly problem: Problem; readonly startedAt: number }
  /** A probe that says nothing of the endpoint: it counts neither way. */
  | { readonly kind: 'probe-inconclusive' }
  | { readonly kind: 'links'; readonly problem: Problem | null }

export interface HealthThresholds {
  /** Good probes in a row until healthy. */
  readonly rise: number
  /** Bad probes in a row until unhealthy. */
  readonly fall: number
}

export function initialHealth(now: number): HealthState {
  return {
    status: 'unknown',
    since: now,
    goodInRow: 0,
    badInRow: 0,
    problem: null,
    linkProblem: null,
    troubleSince: null,
  }
}

/** The next state of an endpoint's health. Pure: `now` is the caller's clock in milliseconds. */
export function reduceHealth(
  state: HealthState,
  event: HealthEvent,
  now: number,
  thresholds: HealthThresholds,
): HealthState {
  switch (event.kind) {
    case 'probe-inconclusive':
      return state
    case 'links':
      return reduceLinks(state, event.problem, now)
    case 'probe-good': {
      if (state.linkProblem !== null) return state
      const goodInRow = state.goodInRow + 1
      const next = { ...state, goodInRow, badInRow: 0, problem: null, troubleSince: null }
      return goodInRow >= thresholds.rise ? withStatus(next, 'healthy', now) : next
    }
    case 'probe-bad': {
      const badInRow = state.badInRow + 1
      const next = {
        ...state,
        goodInRow: 0,
        badInRow,
        problem: event.problem,
        troubleSince: state.troubleSince ?? event.startedAt,
      }
      return badInRow >= thresholds.fall ? withStatus(next, 'unhealthy', now) : next
    }
  }
}

/** An event is the truth at once: there is nothing to wait for, and nothing that a good probe could mend. */
function reduceLinks(state: HealthState, problem: Problem | null, now: number): HealthState {
  if (problem === null)
    return state.linkProblem === null ? state : { ...state, linkProblem: null, goodInRow: 0 }
  if (state.linkProblem?.cause === problem.cause && state.linkProblem.detail === problem.detail) return state
  const next = { ...state, linkProblem: problem, goodInRow: 0, troubleSince: state.troubleSince ?? now }
  return withStatus(next, 'unhealthy', now)
}

function withStatus(state: HealthState, status: HealthStatus, now: number): HealthState {
  return state.status === status ? state : { ...state, status, since: now }
}

/** The problem that counts now: what the links say goes before what a probe says. */
export function currentProblem(state: HealthState): Problem | null {
  return state.linkProblem ?? state.problem
}
