import * as z from 'zod'

export const orderVersion = 1

/** An operator's order, as it is sent. A version that this program does not know is refused. */
export const orderSchema = z
  .strictObject({
    version: z.literal(orderVersion).default(orderVersion),
    intent: z.enum(['serve', 'drain', 'withdraw']),
    /** The user whose order needs no permit to withdraw. */
    forcedBy: z.string().max(100).nullable().optional(),
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
  .transform(({ version: _, ...order }) => order)
export type OperatorOrder = z.output<typeof orderSchema>
