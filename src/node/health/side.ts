import type { SideCheck } from '../../manifest/words.ts'
import type { SideState } from './state.ts'

export interface SideEvent {
  readonly kind: 'side'
  readonly check: SideCheck
  readonly outcome: 'good' | 'bad' | 'inconclusive'
  /** Null if the outcome is good. */
  readonly cause: string | null
  readonly detail: string
}

export interface SideRules {
  readonly rise: number
  readonly fall: number
}

/** Of `source`, each 5 s: longer than any change of the routes takes. */
export const sourcePace: SideRules = { rise: 2, fall: 3 }

export const wellSide: SideState = { problem: null, against: 0, badSince: null }

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
  const badSince = state.badSince ?? now
  if (state.problem !== null) return { problem, against: 0, badSince }
  const against = state.against + 1
  return against >= rules.fall ? { problem, against: 0, badSince } : { problem: null, against, badSince }
}
