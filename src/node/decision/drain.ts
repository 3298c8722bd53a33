import { count } from '../../text/wording.ts'
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
   * Monotonic milliseconds; since when what the stage is about has held without a break: `degrading`: the
   * neighbors have the degraded routes; `returning`: the service is announced at all.
   */
  readonly readySince: number | null
  /** Given exactly while `drained`. */
  readonly ending: DrainEnding | null
}

export interface DrainInput {
  readonly intent: Intent
  readonly settings: DrainSettings
  /** Whether the daemon's configuration knows degraded announcements: if not, there is nothing to do in order. */
  readonly degradable: boolean
  /** Whether the daemon originates any prefix of the service, as last observed; `null`: never observed. */
  readonly announced: boolean | null
  /** Neighbors that have the degraded routes; `verified`: all that have the service's routes at all. */
  readonly degraded: { readonly neighbors: number; readonly verified: boolean }
  /** `null`: not known, so that only the limit ends the wait. */
  readonly traffic: Traffic | null
}

/** All in milliseconds. */
interface DrainSettings {
  readonly idleMs: number
  readonly limitMs: number
  readonly undrainMs: number
}

/** What the peers of one interface send, the probe's left out. */
interface Traffic {
  /** Monotonic milliseconds: nothing came since then, or, at least, since it was first looked. */
  readonly idleSince: number
  /** Peers that have sent within the idle time. */
  readonly sending: number
}

export function initialDrain(now: number): DrainState {
  return { stage: 'none', since: now, readySince: null, ending: null }
}

/** One step: what the intent asks for, and then what time and the neighbors bring. Call it often. */
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
  // A controller that was just started, and asked to drain by one that knew no stages: it had withdrawn already.
  if (isNew && announced === null) return drained('nothing-announced')
  const since = isNew ? now : state.since
  // In the step in which it begins nobody was asked to degrade anything yet.
  const readySince = degraded.verified && !isNew ? (state.readySince ?? now) : null
  if (now - since >= settings.limitMs) return drained('limit')
  // What came before the neighbors had it says nothing about where clients are going.
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
  // No neighbor had the degraded routes yet, so no client has gone.
  if (state.stage === 'degrading' && state.readySince === null) return initialDrain(now)
  const isNew = state.stage !== 'returning'
  const since = isNew ? now : state.since
  // Not counted while nothing is announced, since no client comes back to that.
  const readySince = announced === true ? (isNew ? now : (state.readySince ?? now)) : null
  if (readySince !== null && now - readySince >= settings.undrainMs) return initialDrain(now)
  return { stage: 'returning', since, readySince, ending: null }
}

/** What `restoreDrain` takes: times are relative to when it was saved, since `now` means nothing to another process. */
interface SavedDrain {
  readonly stage: DrainStage
  readonly forMs: number
  readonly ending: DrainEnding | null
}

export function saveDrain({ stage, since, ending }: DrainState, now: number): SavedDrain {
  return { stage, forMs: Math.round(now - since), ending }
}

/**
 * A drain goes on where it was; the time in between counts. What is ready has to be seen again.
 *
 * @param saved from a file: anything; what is not a saved drain is none
 * @param awayMs since it was saved by the wall clock, which may have jumped: below 0 it is 0
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

/** What a stage waits for, as a sentence's end; `null`: for nothing. It holds no time, so that it repeats while nothing changes. */
export function describeDrain(
  { stage, readySince }: DrainState,
  { degraded, traffic, announced }: DrainInput,
): string | null {
  if (stage === 'degrading') {
    const told = `degraded at ${count(degraded.neighbors, 'neighbor')}`
    if (!degraded.verified) return `${told}, waiting for all of them to have the degraded routes`
    if (traffic === null) return `${told}, waiting for the limit: nobody knows whether traffic has gone`
    if (traffic.sending === 0) return `${told}, waiting for traffic to stay away`
    return `${told}, waiting for traffic to go: ${count(traffic.sending, 'peer')} still ${traffic.sending === 1 ? 'sends' : 'send'}`
  }
  if (stage === 'returning') {
    return readySince === null || announced !== true
      ? 'waiting for the service to be announced, degraded at first'
      : 'degraded for a while, so that clients come back slowly'
  }
  return null
}
