import type { ProbeResult } from '../probe/result.ts'

/** What a machine that is late itself takes for the endpoint's fault. A refusal or a wrong key is proof all the same. */
const causesOfSilence: ReadonlySet<string> = new Set(['no-reply', 'late', 'hung'])

/** Timers are late by some milliseconds on any busy machine. */
const leastTolerance = 50

/**
 * What a probe result is worth when this machine's own timers ran late by `lateMs`: silence in a cycle that was
 * late by more than half of the interval says nothing of the endpoint. A good result is good, however late.
 */
export function judgeLate(result: ProbeResult, lateMs: number, intervalMs: number): ProbeResult {
  if (result.outcome !== 'bad' || !causesOfSilence.has(result.cause)) return result
  if (lateMs <= Math.max(leastTolerance, intervalMs / 2)) return result
  const detail = `${result.detail}; but this machine was late itself, by ${Math.round(lateMs)} ms`
  return { outcome: 'inconclusive', cause: 'starved', detail }
}

/** Probes that said nothing because this machine was late. */
export interface Lateness {
  readonly inRow: number
  /** Since the controller's start. */
  readonly total: number
  /** When the first of the present row came. Milliseconds of the caller's clock. */
  readonly since: number | null
}

export const neverLate: Lateness = { inRow: 0, total: 0, since: null }

/**
 * With nothing but late probes for so long the host is starved: not one answer came, and the endpoint may have died
 * unseen. That proves no death, but nobody would call it well.
 */
export const starvedAfterMs = 10_000

export function takeLate({ inRow, total, since }: Lateness, now: number): Lateness {
  return { inRow: inRow + 1, total: total + 1, since: since ?? now }
}

export function takeInTime(late: Lateness): Lateness {
  return late.inRow === 0 ? late : { inRow: 0, total: late.total, since: null }
}

/** `fall`: a machine that slept for a minute and woke was late once, not starved. */
export function isStarved({ inRow, since }: Lateness, now: number, fall: number): boolean {
  return since !== null && inRow >= fall && now - since >= starvedAfterMs
}
