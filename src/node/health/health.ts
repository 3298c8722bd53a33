import { type ConfiguredSideCheck, sourceCheck } from '../../manifest/words.ts'
import { countFlaps, type HoldDownRules, holdDownMs, noFlaps, takeBetter, takeWorse } from './hold-down.ts'
import { isStarved, neverLate, starvedAfterMs, takeInTime, takeLate } from './lateness.ts'
import { findImpairment } from './problem.ts'
import { reduceSide, type SideEvent, type SideRules, sourcePace, wellSide } from './side.ts'
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
  /** `lost`: it answers, but the check has lost a packet: that counts in the window, and nowhere else. */
  | { readonly kind: 'probe-good'; readonly lost?: 'handshake' | 'ping' | null }
  | { readonly kind: 'probe-bad'; readonly problem: Problem; readonly startedAt: number }
  /** A probe without a result about the endpoint. It counts neither way. */
  | { readonly kind: 'probe-inconclusive'; readonly cause: 'under-load' | 'starved' | 'closed' }
  | { readonly kind: 'links'; readonly problem: Problem | null }
  | SideEvent

/** A subset of a service's `probe` in the manifest. */
export interface HealthRules extends Readonly<Record<ConfiguredSideCheck, SideRules | null>> {
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
    badSince: null,
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
 * A change for the worse takes effect at once: a link event, `fall` bad probes in a row, too many bad probes among the
 * last `size`, `fall` bad results of a side check. A change for the better takes `rise` good probes in a row, and then
 * the hold-down: a time without a bad probe, which each flap doubles.
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
      return takeGood(state, event.lost ?? null, now, rules)
    case 'probe-bad':
      return takeBad(state, event.problem, event.startedAt, rules)
    case 'probe-inconclusive':
      return takeInconclusive(state, event.cause, now, rules)
    case 'links':
      return takeLinks(state, event.problem, now)
    case 'side': {
      const pace = event.check === sourceCheck ? sourcePace : rules[event.check]
      if (pace === null) return state
      const before = state.sides[event.check] ?? wellSide
      const after = reduceSide(before, event, now, pace)
      return after === before ? state : { ...state, sides: { ...state.sides, [event.check]: after } }
    }
  }
}

function takeGood(
  state: HealthState,
  lost: 'handshake' | 'ping' | null,
  now: number,
  rules: HealthRules,
): HealthState {
  if (state.linkProblem !== null) return state
  const goodInRow = Math.min(state.goodInRow + 1, rules.rise)
  const goodSince = state.goodSince ?? now
  const window = slide(state, lost !== null, rules)
  const late = takeInTime(state.late)
  const loss = judgeLoss(state, window, { check: lost ?? 'ping', ...lostPacket }, rules)
  // The usual case, several times a second: no new object.
  if (
    goodInRow === state.goodInRow &&
    goodSince === state.goodSince &&
    window === state.window &&
    late === state.late &&
    loss === state.loss &&
    state.badSince === null
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
    badSince: null,
    window,
    loss,
    late,
    starved: null,
  }
}

function takeBad(state: HealthState, problem: Problem, startedAt: number, rules: HealthRules): HealthState {
  const badInRow = state.badInRow + 1
  const window = slide(state, true, rules)
  return {
    ...state,
    goodInRow: 0,
    goodSince: null,
    badInRow,
    problem,
    proven: badInRow % rules.fall === 0 ? problem : state.proven,
    badSince: state.badSince ?? startedAt,
    window,
    loss: judgeLoss(state, window, problem, rules),
    late: takeInTime(state.late),
    starved: null,
  }
}

/** An unhealthy endpoint loses every probe, so its window stays empty. After recovery, the hold-down has tested it. */
function slide(state: HealthState, isBad: boolean, rules: HealthRules): LossWindow {
  return state.status === 'unhealthy' ? emptyWindow : slideWindow(state.window, isBad, rules.window)
}

const lostPacket = { cause: 'loss', detail: 'a lost packet' } as const

function judgeLoss(
  state: HealthState,
  window: LossWindow,
  last: Problem,
  rules: HealthRules,
): Problem | null {
  if (state.loss !== null) return losesFewAgain(window, rules.window) ? null : state.loss
  return losesTooMany(window, rules.window) ? describeLoss(window, last, rules.window) : null
}

function describeLoss({ lost }: LossWindow, last: Problem, { size }: WindowRules): Problem {
  const detail = `${lost.length} of the last ${size} probes were bad or lost a packet, the latest: ${last.detail}`
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

/** A link event takes effect at once, and no good probe outweighs it. */
function takeLinks(state: HealthState, problem: Problem | null, now: number): HealthState {
  const before = state.linkProblem
  if (
    problem === null ? before === null : before?.cause === problem.cause && before.detail === problem.detail
  ) {
    return state
  }
  const broken = { ...state, linkProblem: problem, goodInRow: 0, goodSince: null }
  return problem === null ? broken : { ...broken, badSince: state.badSince ?? now }
}

const severity: Readonly<Record<HealthStatus, number>> = { unknown: 0, healthy: 0, impaired: 1, unhealthy: 2 }

/** Derives the status from the evidence in the state. */
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
      // It may alternate for ever. If it was not healthy before the restart, nothing has proven that it serves.
      if (state.loss !== null) return from === 'healthy' || from === 'impaired' ? impaired : unhealthy
      return unknown
    }
    const heldUntil = state.goodSince + holdMs
    // It must be good for the whole hold-down and now; a late probe does not prove the latter.
    if (from === 'unhealthy' && (now < heldUntil || state.late.inRow > 0)) {
      // Keep `unknown` after a restart: `unhealthy` would withdraw an endpoint that was announced again just before it.
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

/** Milliseconds until the hold-down ends, if no probe is bad; null without a hold-down. */
export function holdDownLeftMs({ heldUntil }: HealthState, now: number): number | null {
  return heldUntil === null ? null : Math.max(0, heldUntil - now)
}
