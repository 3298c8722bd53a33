/**
 * The flaps of an endpoint, which lengthen the hold-down. Like route flap damping (RFC 2439), but applied to our own
 * announcement, before a neighbor sees the flaps.
 */
export interface FlapHistory {
  /** Flaps that count at `calmSince`. */
  readonly count: number
  /** When the status last improved, in the caller's milliseconds; null from a flap until then, and at the start. */
  readonly calmSince: number | null
}

export interface HoldDownRules {
  /** After the first flap; 0: no hold-down. */
  readonly initialMs: number
  readonly maxMs: number
}

/** Whether there is no hold-down. Then no flap is counted. */
export function isOff({ initialMs, maxMs }: HoldDownRules): boolean {
  return initialMs === 0 || maxMs === 0
}

export const noFlaps: FlapHistory = { count: 0, calmSince: null }

/**
 * Flaps that still count: each `maxMs` without a flap halves them, rounded down. The time before the improvement does
 * not count: otherwise the longest hold-down would halve the flaps by itself.
 */
export function countFlaps({ count, calmSince }: FlapHistory, now: number, { maxMs }: HoldDownRules): number {
  if (calmSince === null || count === 0) return count
  return Math.floor(count / 2 ** Math.floor(Math.max(0, now - calmSince) / maxMs))
}

/** How long an endpoint must stay good after this many flaps, in milliseconds. */
export function holdDownMs(flaps: number, { initialMs, maxMs }: HoldDownRules): number {
  return flaps === 0 ? 0 : Math.min(initialMs * 2 ** (flaps - 1), maxMs)
}

/** A change for the worse is a flap, unless the status has not improved since the last one. */
export function takeWorse(flaps: FlapHistory, now: number, rules: HoldDownRules): FlapHistory {
  if (flaps.calmSince === null) return flaps
  return { count: isOff(rules) ? 0 : countFlaps(flaps, now, rules) + 1, calmSince: null }
}

export function takeBetter(flaps: FlapHistory, now: number): FlapHistory {
  return flaps.calmSince === null ? { ...flaps, calmSince: now } : flaps
}
