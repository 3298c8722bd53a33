import { z } from 'zod'
import type { Intent } from '../decision/decide.ts'

/** What the operator asked of this node, and until when. It outlives the controller. */
export interface OperatorIntent {
  readonly intent: Intent
  readonly reason: string | null
  /** Wall clock, milliseconds since 1970. */
  readonly since: number
  /** Wall clock; the intent turns to `serve` then. Null: until told otherwise. */
  readonly until: number | null
}

export const intentSchema = z.strictObject({
  intent: z.enum(['serve', 'drain', 'withdraw']),
  reason: z.string().max(500).nullable(),
  since: z.number(),
  until: z.number().nullable(),
})

export const serving: OperatorIntent = { intent: 'serve', reason: null, since: 0, until: null }

/** What counts now: an intent that has run out is `serve`. */
export function currentIntent(intent: OperatorIntent, wall: number): OperatorIntent {
  return intent.until !== null && intent.until <= wall ? serving : intent
}
