import { anyText, nullable, number, optional, record, word } from '../../text/shape.ts'

/** An operator's intent for this node, independent of its health. */
export type Intent = 'serve' | 'drain' | 'withdraw'

/** The stored order of the operator. It outlives the controller. */
export interface OperatorIntent {
  readonly intent: Intent
  readonly reason: string | null
  /** The user who ordered it, or the name of the token; missing or `null`: not known. */
  readonly by?: string | null
  /** The user whose order needs no permit to withdraw; missing or `null`: it needs one. */
  readonly forcedBy?: string | null
  /** Wall clock, milliseconds since 1970. */
  readonly since: number
  /** Wall clock; the intent is `serve` from then on. Null: until another order. */
  readonly until: number | null
}

/** Milliseconds since 1970, up to the year 2286: `Date` can print all of them. */
export const instantShape = number(0, 10_000_000_000_000)

export const intentShape = record({
  intent: word('serve', 'drain', 'withdraw'),
  reason: nullable(anyText(500)),
  by: optional(nullable(anyText(100))),
  forcedBy: optional(nullable(anyText(100))),
  since: instantShape,
  until: nullable(instantShape),
})

export const serving: OperatorIntent = { intent: 'serve', reason: null, since: 0, until: null }

/** An expired intent is `serve`. */
function currentIntent(intent: OperatorIntent, wall: number): OperatorIntent {
  return intent.until !== null && intent.until <= wall ? serving : intent
}

/** Times are wall clock, milliseconds since 1970. */
export interface CalendarView {
  /** `start`: of the latest window that has begun; `until`: the end of the last of the windows that overlap or adjoin. */
  readonly active: { readonly start: number; readonly until: number; readonly reason: string } | null
  /** The window that begins next, also while another is active. `until`: its own end. */
  readonly next: { readonly start: number; readonly until: number; readonly reason: string } | null
}

/** The intent in force, from the operator or the calendar. */
export interface EffectiveIntent {
  readonly intent: Intent
  /** `null`: neither has set an intent, so the node serves. */
  readonly source: 'operator' | 'calendar' | null
  /** Wall clock; null: until another order. */
  readonly until: number | null
  readonly reason: string | null
  /** Of the operator: who; `null`: not known, or the calendar. */
  readonly by: string | null
  readonly forcedBy: string | null
}

/**
 * The operator's intent takes precedence over the calendar: `undrain` within a window serves until the next window
 * begins, and a drain outlasts any window. After a drain has expired, the calendar applies.
 */
export function effectiveIntent(
  operator: OperatorIntent,
  calendar: CalendarView,
  wall: number,
): EffectiveIntent {
  const ordered = currentIntent(operator, wall)
  const { reason, by = null, forcedBy = null } = ordered
  const unnamed = { by: null, forcedBy: null }
  if (ordered.intent !== 'serve') {
    return { intent: ordered.intent, source: 'operator', until: ordered.until, reason, by, forcedBy }
  }
  const { active, next } = calendar
  if (active === null) return { ...unnamed, intent: 'serve', source: null, until: null, reason: null }
  if (active.start <= ordered.since) {
    return { intent: 'serve', source: 'operator', until: next?.start ?? null, reason, by, forcedBy: null }
  }
  return { ...unnamed, intent: 'drain', source: 'calendar', until: active.until, reason: active.reason }
}
