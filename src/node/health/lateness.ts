import type { ProbeResult } from '../probe/result.ts'

/** Causes that a late machine produces by itself. A refusal or a wrong key proves a fault even so. */
const causesOfSilence: ReadonlySet<string> = new Set(['no-reply', 'late', 'hung'])

/** Timers are late by some milliseconds on any busy machine. */
const leastTolerance = 50

/**
 * Judges a probe result while this machine's timers were late by `lateMs`. No reply in a cycle that was late by more
 * than half of the interval is inconclusive. A good result stays good.
 */
export function judgeLate(result: ProbeResult, lateMs: number, intervalMs: number): ProbeResult {
  if (result.outcome !== 'bad' || !causesOfSilence.has(result.cause)) return result
  if (lateMs <= Math.max(leastTolerance, intervalMs / 2)) return result
  const detail = `${result.detail}; but the timers of this machine were late by ${Math.round(lateMs)} ms`
  return { outcome: 'inconclusive', cause: 'starved', detail }
}

/** Probes without a result, because this machine was late. */
export interface Lateness {
  readonly inRow: number
  /** Since the controller's start. */
  readonly total: number
  /** The time of the first of those in a row, in milliseconds of the caller's clock. */
  readonly since: number | null
}

export const neverLate: Lateness = { inRow: 0, total: 0, since: null }

/**
 * After this time with only late probes the host is starved: no reply came, and the endpoint may have failed. The
 * endpoint is then impaired, not unhealthy.
 */
export const starvedAfterMs = 10_000

export function takeLate({ inRow, total, since }: Lateness, now: number): Lateness {
  return { inRow: inRow + 1, total: total + 1, since: since ?? now }
}

export function takeInTime(late: Lateness): Lateness {
  return late.inRow === 0 ? late : { inRow: 0, total: late.total, since: null }
}

/** Requires `fall` late probes: a machine that wakes from sleep was late once, and is not starved. */
export function isStarved({ inRow, since }: Lateness, now: number, fall: number): boolean {
  return since !== null && inRow >= fall && now - since >= starvedAfterMs
}
