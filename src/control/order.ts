import * as z from 'zod'

export const orderSchema = z.strictObject({
  intent: z.enum(['serve', 'drain', 'withdraw']),
  reason: z.string().max(500).nullable().default(null),
  /** Milliseconds from now; null: until another order. */
  forMs: z
    .number()
    .int()
    .positive()
    .max(366 * 86_400_000)
    .nullable()
    .default(null),
})
export type OperatorOrder = z.infer<typeof orderSchema>
