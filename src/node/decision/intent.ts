import * as z from 'zod'

/** What the operator wants of this node, whatever its health. */
export type Intent = 'serve' | 'drain' | 'withdraw'

/** What the operator asked of this node, and until when. It outlives the controller. */
export interface OperatorIntent {
  readonly intent: Intent
  readonly reason: string | null
  /** Wall clock, milliseconds since 1970. */
  readonly since: number
  /** Wall clock; the intent turns to `serve` then. Null: for good. */
  readonly until: number | null
}

/** Milliseconds since 1970, up to the year 2286: `Date` can print all of them. */
export const instantSchema = z.number().min(0).max(10_000_000_000_000)

export const intentSchema = z.strictObject({
  intent: z.enum(['serve', 'drain', 'withdraw']),
  reason: z.string().max(500).nullable(),
  since: instantSchema,
  until: instantSchema.nullable(),
})

export const serving: OperatorIntent = { intent: 'serve', reason: null, since: 0, until: null }

/** What counts now: an intent that has run out is `serve`. */
function currentIntent(intent: OperatorIntent, wall: number): OperatorIntent {
  return intent.until !== null && intent.until <= wall ? serving : intent
}

/** Times are wall clock, milliseconds since 1970. */
export interface CalendarView {
  /** `start`: of the window that began last; `until`: when the last of those that overlap or meet has ended. */
  readonly active: { readonly start: number; readonly until: number; readonly reason: string } | null
  /** The window that begins next, also while another is active. `until`: its own end. */
  readonly next: { readonly start: number; readonly until: number; readonly reason: string } | null
}

/** What counts now: the operator's word or the calendar's. */
export interface EffectiveIntent {
  readonly intent: Intent
  /** `null`: nobody said anything, so the node serves. */
  readonly source: 'operator' | 'calendar' | null
  /** Wall clock; null: for good. */
  readonly until: number | null
  readonly reason: string | null
}

/**
 * The operator's word goes before the calendar: `undrain` within a window serves until the next one begins, and
 * a drain outlasts any window. A drain that has run out leaves the node to the calendar.
 */
export function effectiveIntent(
  operator: OperatorIntent,
  calendar: CalendarView,
  wall: number,
): EffectiveIntent {
  const said = currentIntent(operator, wall)
  if (said.intent !== 'serve') {
    return { intent: said.intent, source: 'operator', until: said.until, reason: said.reason }
  }
  const { active, next } = calendar
  if (active === null) return { intent: 'serve', source: null, until: null, reason: null }
  if (active.start <= said.since) {
    return { intent: 'serve', source: 'operator', until: next?.start ?? null, reason: said.reason }
  }
  return { intent: 'drain', source: 'calendar', until: active.until, reason: active.reason }
}
