import { count } from '../../text/count.ts'
import type { Intent } from './intent.ts'

/** `degrading` and `returning`: announced degraded. `drained`: withdrawn. */
export const drainStages = ['none', 'degrading', 'drained', 'returning'] as const
export type DrainStage = (typeof drainStages)[number]

/** Why a service is `drained`: the same word in the log and the status. */
const drainEndings = ['traffic-gone', 'limit', 'nothing-announced', 'at-once'] as const
export type DrainEnding = (typeof drainEndings)[number]

export interface DrainState {
  readonly stage: DrainStage
  /** Monotonic milliseconds; when the stage began. */
  readonly since: number
  /**
   * Monotonic milliseconds; since when the condition of the stage is met without a break. `degrading`: the neighbors
   * have the degraded routes. `returning`: the service is announced.
   */
  readonly readySince: number | null
  /** Not null if and only if the stage is `drained`. */
  readonly ending: DrainEnding | null
}

export interface DrainInput {
  readonly intent: Intent
  readonly settings: DrainSettings
  /** Whether the daemon's configuration supports degraded announcements. If not, a drain withdraws at once. */
  readonly degradable: boolean
  /** Whether the daemon originates any prefix of the service, as last observed; `null`: never observed. */
  readonly announced: boolean | null
  /** The number of neighbors that have the degraded routes; `verified`: all that are to have them. */
  readonly degraded: { readonly neighbors: number; readonly verified: boolean }
  /** `null`: not known; then only the limit ends the wait. */
  readonly traffic: Traffic | null
}

/** All in milliseconds. */
interface DrainSettings {
  readonly idleMs: number
  readonly limitMs: number
  readonly undrainMs: number
}

/** Traffic from the peers of one interface, without the probe's own. */
interface Traffic {
  /** Monotonic milliseconds: the last packet, or the start of the observation. */
  readonly idleSince: number
  /** Peers that have sent within the idle time. */
  readonly sending: number
}

export function initialDrain(now: number): DrainState {
  return { stage: 'none', since: now, readySince: null, ending: null }
}

/** The next state for this intent, time and observation. Call it often. */
export function reduceDrain(state: DrainState, input: DrainInput, now: number): DrainState {
  return input.intent === 'serve' ? stepBack(state, input, now) : stepOut(state, input, now)
}

function stepOut(state: DrainState, input: DrainInput, now: number): DrainState {
  const { intent, settings, degradable, announced, degraded, traffic } = input
  if (state.stage === 'drained') return state
  const drained = (ending: DrainEnding): DrainState => ({
    stage: 'drained',
    since: now,
    readySince: null,
    ending,
  })
  if (intent === 'withdraw' || !degradable || settings.limitMs === 0) return drained('at-once')
  if (announced === false) return drained('nothing-announced')
  const isNew = state.stage !== 'degrading'
  // Not observed yet: the intent is from an earlier controller without drain stages, which has withdrawn already.
  if (isNew && announced === null) return drained('nothing-announced')
  const since = isNew ? now : state.since
  // In the first step, no degraded announcement has been requested from the daemon.
  const readySince = degraded.verified && !isNew ? (state.readySince ?? now) : null
  if (now - since >= settings.limitMs) return drained('limit')
  // Traffic from before the neighbors had the degraded routes does not show where clients go now.
  const idleSince = settings.idleMs === 0 ? now : (traffic?.idleSince ?? null)
  if (readySince !== null && idleSince !== null) {
    if (now - Math.max(readySince, idleSince) >= settings.idleMs) return drained('traffic-gone')
  }
  return { stage: 'degrading', since, readySince, ending: null }
}

function stepBack(state: DrainState, input: DrainInput, now: number): DrainState {
  const { settings, degradable, announced } = input
  if (state.stage === 'none') return state
  if (!degradable || settings.undrainMs === 0) return initialDrain(now)
  // No neighbor had the degraded routes yet, so no client has moved.
  if (state.stage === 'degrading' && state.readySince === null) return initialDrain(now)
  const isNew = state.stage !== 'returning'
  const since = isNew ? now : state.since
  // Does not run while nothing is announced: no client can come back.
  const readySince = announced === true ? (isNew ? now : (state.readySince ?? now)) : null
  if (readySince !== null && now - readySince >= settings.undrainMs) return initialDrain(now)
  return { stage: 'returning', since, readySince, ending: null }
}

/** The input of `restoreDrain`. Times are relative to the save: monotonic time differs between processes. */
interface SavedDrain {
  readonly stage: DrainStage
  readonly forMs: number
  readonly ending: DrainEnding | null
}

export function saveDrain({ stage, since, ending }: DrainState, now: number): SavedDrain {
  return { stage, forMs: Math.round(now - since), ending }
}

/**
 * Resumes a saved drain; the time in between counts. `readySince` starts again.
 *
 * @param saved from a file, unchecked; an invalid value means no drain
 * @param awayMs wall-clock time since the save; negative values, after a clock jump, count as 0
 */
export function restoreDrain(saved: unknown, awayMs: number, now: number): DrainState {
  if (typeof saved !== 'object' || saved === null) return initialDrain(now)
  const { stage, forMs, ending = null } = saved as Record<string, unknown>
  const knownStage = drainStages.find((known) => known === stage)
  const knownEnding = drainEndings.find((known) => known === ending) ?? null
  if (knownStage === undefined || typeof forMs !== 'number' || !Number.isFinite(forMs))
    return initialDrain(now)
  if ((knownStage === 'drained') !== (knownEnding !== null)) return initialDrain(now)
  const elapsedMs = Math.max(0, forMs) + (Number.isFinite(awayMs) ? Math.max(0, awayMs) : 0)
  return { stage: knownStage, since: now - elapsedMs, readySince: null, ending: knownEnding }
}

/** Describes what the stage waits for; `null`: nothing. It contains no time, so equal states give equal text. */
export function describeDrain(
  { stage, readySince }: DrainState,
  { degraded, traffic, announced }: DrainInput,
): string | null {
  if (stage === 'degrading') {
    const prefix = `degraded at ${count(degraded.neighbors, 'neighbor')}`
    if (!degraded.verified) return `${prefix}, waiting for all of them to have the degraded routes`
    if (traffic === null) return `${prefix}, waiting for the limit: the traffic cannot be measured`
    if (traffic.sending === 0) return `${prefix}, waiting for traffic to stay away`
    return `${prefix}, waiting for traffic to go: ${count(traffic.sending, 'peer')} still ${traffic.sending === 1 ? 'sends' : 'send'}`
  }
  if (stage === 'returning') {
    return readySince === null || announced !== true
      ? 'waiting for the service to be announced, degraded at first'
      : 'degraded for a while, so that clients come back slowly'
  }
  return null
}
