/**
 * How often an endpoint has turned bad after it had been better: the hold-down grows with it. In the manner of
 * route flap damping (RFC 2439), but of our own announcement, before any neighbor can be annoyed by it.
 */
export interface FlapHistory {
  /** Flaps not forgiven yet, as of `calmSince`. */
  readonly count: number
  /** When things last got better, in the caller's milliseconds; null since the last flap, and before the first rise. */
  readonly calmSince: number | null
}

export interface HoldDownRules {
  /** After the first flap; 0: no hold-down. */
  readonly initialMs: number
  readonly maxMs: number
}

/** Then flaps mean nothing, and none is counted. */
export function isOff({ initialMs, maxMs }: HoldDownRules): boolean {
  return initialMs === 0 || maxMs === 0
}

export const noFlaps: FlapHistory = { count: 0, calmSince: null }

/**
 * Flaps not forgiven yet: half of them, rounded down, go with each `maxMs` without one. The time before things got
 * better does not count: who serves the longest hold-down would else have half of it forgiven by serving it.
 */
export function countFlaps({ count, calmSince }: FlapHistory, now: number, { maxMs }: HoldDownRules): number {
  if (calmSince === null || count === 0) return count
  return Math.floor(count / 2 ** Math.floor(Math.max(0, now - calmSince) / maxMs))
}

/** How long an endpoint has to stay good after so many flaps; none are counted where it is off. Milliseconds. */
export function holdDownMs(flaps: number, { initialMs, maxMs }: HoldDownRules): number {
  return flaps === 0 ? 0 : Math.min(initialMs * 2 ** (flaps - 1), maxMs)
}

/** It turned bad: a flap, unless it has not been better since the last one. */
export function takeWorse(flaps: FlapHistory, now: number, rules: HoldDownRules): FlapHistory {
  if (flaps.calmSince === null) return flaps
  return { count: isOff(rules) ? 0 : countFlaps(flaps, now, rules) + 1, calmSince: null }
}

export function takeBetter(flaps: FlapHistory, now: number): FlapHistory {
  return flaps.calmSince === null ? { ...flaps, calmSince: now } : flaps
}
