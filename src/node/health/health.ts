import type { SideCheck } from '../../manifest/words.ts'
import { countFlaps, type HoldDownRules, holdDownMs, noFlaps, takeBetter, takeWorse } from './hold-down.ts'
import { isStarved, neverLate, starvedAfterMs, takeInTime, takeLate } from './lateness.ts'
import { findImpairment } from './problem.ts'
import { reduceSide, type SideEvent, type SideRules, wellSide } from './side.ts'
import type { HealthState, HealthStatus, Problem } from './state.ts'
import {
  emptyWindow,
  type LossWindow,
  losesFewAgain,
  losesTooMany,
  slideWindow,
  type WindowRules,
} from './window.ts'

export type HealthEvent =
  | { readonly kind: 'probe-good' }
  | { readonly kind: 'probe-bad'; readonly problem: Problem; readonly startedAt: number }
  /** A probe that says nothing of the endpoint: it counts neither way. */
  | { readonly kind: 'probe-inconclusive'; readonly cause: 'under-load' | 'starved' | 'closed' }
  | { readonly kind: 'links'; readonly problem: Problem | null }
  | SideEvent

/** A service's `probe` in the manifest has all of that. */
export interface HealthRules extends Readonly<Record<SideCheck, SideRules | null>> {
  /** Good probes in a row until healthy. */
  readonly rise: number
  /** Bad probes in a row until unhealthy. */
  readonly fall: number
  readonly window: WindowRules
  readonly holdDown: HoldDownRules
}

export function initialHealth(now: number): HealthState {
  return {
    status: 'unknown',
    since: now,
    before: 'unknown',
    goodInRow: 0,
    badInRow: 0,
    goodSince: null,
    problem: null,
    proven: null,
    linkProblem: null,
    troubleSince: null,
    window: emptyWindow,
    loss: null,
    sides: {},
    late: neverLate,
    starved: null,
    wellSince: now,
    flaps: noFlaps,
    heldUntil: null,
  }
}

/**
 * The next state of an endpoint's health; the same object where nothing changes. Pure: `now` is the caller's clock.
 *
 * Worse is believed at once: the links' word, `fall` bad probes in a row, too many lost of the last `size`, a side
 * check's `fall`. Better takes `rise` good probes in a row, and then the hold-down: so long without a bad one, which
 * each flap doubles.
 */
export function reduceHealth(
  state: HealthState,
  event: HealthEvent,
  now: number,
  rules: HealthRules,
): HealthState {
  return judge(take(state, event, now, rules), now, rules)
}

function take(state: HealthState, event: HealthEvent, now: number, rules: HealthRules): HealthState {
  switch (event.kind) {
    case 'probe-good':
      return takeGood(state, now, rules)
    case 'probe-bad':
      return takeBad(state, event.problem, event.startedAt, rules)
    case 'probe-inconclusive':
      return takeInconclusive(state, event.cause, now, rules)
    case 'links':
      return takeLinks(state, event.problem, now)
    case 'side': {
      const pace = rules[event.check]
      if (pace === null) return state
      const before = state.sides[event.check] ?? wellSide
      const after = reduceSide(before, event, now, pace)
      return after === before ? state : { ...state, sides: { ...state.sides, [event.check]: after } }
    }
  }
}

function takeGood(state: HealthState, now: number, rules: HealthRules): HealthState {
  if (state.linkProblem !== null) return state
  const goodInRow = Math.min(state.goodInRow + 1, rules.rise)
  const goodSince = state.goodSince ?? now
  const window = slide(state, false, rules)
  const late = takeInTime(state.late)
  const loss = state.loss !== null && losesFewAgain(window, rules.window) ? null : state.loss
  // What comes five times a second, for months.
  if (
    goodInRow === state.goodInRow &&
    goodSince === state.goodSince &&
    window === state.window &&
    late === state.late &&
    loss === state.loss &&
    state.troubleSince === null
  ) {
    return state
  }
  return {
    ...state,
    goodInRow,
    goodSince,
    badInRow: 0,
    problem: null,
    proven: goodInRow === rules.rise ? null : state.proven,
    troubleSince: null,
    window,
    loss,
    late,
    starved: null,
  }
}

function takeBad(state: HealthState, problem: Problem, startedAt: number, rules: HealthRules): HealthState {
  const badInRow = state.badInRow + 1
  const window = slide(state, true, rules)
  const isTooMuch = state.loss === null && losesTooMany(window, rules.window)
  return {
    ...state,
    goodInRow: 0,
    goodSince: null,
    badInRow,
    problem,
    proven: badInRow % rules.fall === 0 ? problem : state.proven,
    troubleSince: state.troubleSince ?? startedAt,
    window,
    loss: isTooMuch ? describeLoss(window, problem, rules.window) : state.loss,
    late: takeInTime(state.late),
    starved: null,
  }
}

/** What is dead anyway loses every probe; it begins anew when it is back, for the hold-down has tried it by then. */
function slide(state: HealthState, isBad: boolean, rules: HealthRules): LossWindow {
  return state.status === 'unhealthy' ? emptyWindow : slideWindow(state.window, isBad, rules.window)
}

function describeLoss({ lost }: LossWindow, last: Problem, { size }: WindowRules): Problem {
  const detail = `${lost.length} of the last ${size} probes were bad, the latest: ${last.detail}`
  return { check: last.check, cause: 'loss', detail }
}

function takeInconclusive(
  state: HealthState,
  cause: 'under-load' | 'starved' | 'closed',
  now: number,
  rules: HealthRules,
): HealthState {
  if (cause === 'closed') return state
  if (cause === 'under-load') {
    // A cookie came in time.
    return state.late.inRow === 0 ? state : { ...state, late: takeInTime(state.late), starved: null }
  }
  const late = takeLate(state.late, now)
  if (state.starved !== null || !isStarved(late, now, rules.fall)) return { ...state, late }
  const detail = `this machine was too late for every probe of the last ${starvedAfterMs / 1000} s, and got no answer`
  return { ...state, late, starved: { check: 'handshake', cause: 'starved', detail } }
}

/** An event is the truth at once: there is nothing to wait for, and nothing that a good probe could mend. */
function takeLinks(state: HealthState, problem: Problem | null, now: number): HealthState {
  const before = state.linkProblem
  if (
    problem === null ? before === null : before?.cause === problem.cause && before.detail === problem.detail
  ) {
    return state
  }
  const broken = { ...state, linkProblem: problem, goodInRow: 0, goodSince: null }
  return problem === null ? broken : { ...broken, troubleSince: state.troubleSince ?? now }
}

const severity: Readonly<Record<HealthStatus, number>> = { unknown: 0, healthy: 0, impaired: 1, unhealthy: 2 }

/** What the state amounts to. */
function judge(state: HealthState, now: number, rules: HealthRules): HealthState {
  const wellSince = findImpairment(state) === null ? (state.wellSince ?? now) : null
  const { status, heldUntil } = judgeStatus(state, wellSince, now, rules)
  if (status === state.status) {
    return wellSince === state.wellSince && heldUntil === state.heldUntil
      ? state
      : { ...state, wellSince, heldUntil }
  }
  const from = state.status === 'unknown' ? state.before : state.status
  const isWorse = severity[status] > severity[from]
  const isBetter = severity[status] < severity[from] || from === 'unknown'
  let { flaps } = state
  if (isWorse) flaps = takeWorse(flaps, now, rules.holdDown)
  else if (isBetter && status !== 'unhealthy') flaps = takeBetter(flaps, now)
  const next = { ...state, status, since: now, wellSince, heldUntil, flaps }
  if (status !== 'unhealthy') return next
  const proven = state.linkProblem === null ? (state.proven ?? state.loss) : state.proven
  return { ...next, proven, window: emptyWindow, loss: null }
}

function judgeStatus(
  state: HealthState,
  wellSince: number | null,
  now: number,
  { rise, fall, holdDown }: HealthRules,
): { status: HealthStatus; heldUntil: number | null } {
  const { status } = state
  if (state.linkProblem !== null || state.badInRow >= fall) return unhealthy
  const from = status === 'unknown' ? state.before : status
  const holdMs = severity[from] === 0 ? 0 : holdDownMs(countFlaps(state.flaps, now, holdDown), holdDown)
  if (status === 'unknown' || status === 'unhealthy') {
    if (state.goodInRow < rise || state.goodSince === null) {
      if (status === 'unhealthy') return unhealthy
      // It may alternate for ever. If it was not well before it is dead: nothing has shown yet that it serves.
      if (state.loss !== null) return from === 'healthy' || from === 'impaired' ? impaired : unhealthy
      return unknown
    }
    const heldUntil = state.goodSince + holdMs
    // Good for long enough, and still good: a late probe does not say that.
    if (from === 'unhealthy' && (now < heldUntil || state.late.inRow > 0)) {
      // `unknown` after a restart leaves things as they are: had it been announced again in the last moment
      // before, what is well would be withdrawn.
      return { status, heldUntil }
    }
  }
  if (wellSince === null) return impaired
  return now < wellSince + holdMs ? { status: 'impaired', heldUntil: wellSince + holdMs } : healthy
}

const unknown = { status: 'unknown', heldUntil: null } as const
const healthy = { status: 'healthy', heldUntil: null } as const
const impaired = { status: 'impaired', heldUntil: null } as const
const unhealthy = { status: 'unhealthy', heldUntil: null } as const

/** How long the hold-down still lasts, if nothing bad comes; null where none does. Milliseconds. */
export function holdDownLeftMs({ heldUntil }: HealthState, now: number): number | null {
  return heldUntil === null ? null : Math.max(0, heldUntil - now)
}
