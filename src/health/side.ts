import type { SideCheck } from '../manifest/words.ts'
import type { Problem } from './health.ts'

/** What a side check has proven, from the start on: that all is well. */
export interface SideState {
  /** What is wrong; null while it counts as well. */
  readonly problem: Problem | null
  /** Results in a row that speak against what is proven. */
  readonly against: number
  /** When the first of the present run of bad results came. Milliseconds of the caller's clock. */
  readonly troubleSince: number | null
}

export interface SideEvent {
  readonly kind: 'side'
  readonly check: SideCheck
  readonly outcome: 'good' | 'bad' | 'inconclusive'
  /** Null where it is good. */
  readonly cause: string | null
  readonly detail: string
}

export interface SideRules {
  readonly rise: number
  readonly fall: number
}

export const wellSide: SideState = { problem: null, against: 0, troubleSince: null }

/** The same object where nothing changes. */
export function reduceSide(state: SideState, event: SideEvent, now: number, rules: SideRules): SideState {
  const { check, outcome, detail } = event
  if (outcome === 'inconclusive') return state
  if (outcome === 'good') {
    if (state.problem === null) return state.against === 0 ? state : wellSide
    const against = state.against + 1
    return against >= rules.rise ? wellSide : { ...state, against }
  }
  const problem = { check, cause: event.cause ?? `${check}-failed`, detail }
  const troubleSince = state.troubleSince ?? now
  if (state.problem !== null) return { problem, against: 0, troubleSince }
  const against = state.against + 1
  return against >= rules.fall
    ? { problem, against: 0, troubleSince }
    : { problem: null, against, troubleSince }
}
