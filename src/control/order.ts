import * as z from 'zod'

export const orderVersion = 1

const fields = {
  version: z.literal(orderVersion).default(orderVersion),
  reason: z.string().max(500).nullable().default(null),
  /** Milliseconds from now; null: until another order. */
  forMs: z
    .number()
    .int()
    .positive()
    .max(366 * 86_400_000)
    .nullable()
    .default(null),
}

/** An operator's order, as it is sent to the Unix socket. A version that this program does not know is refused. */
export const orderSchema = z
  .strictObject({
    ...fields,
    intent: z.enum(['serve', 'drain', 'withdraw']),
    /** The user who orders it. */
    by: z.string().max(100).nullable().optional(),
    /** The user whose order needs no permit to withdraw. */
    forcedBy: z.string().max(100).nullable().optional(),
  })
  .transform(({ version: _, ...order }) => order)
export type OperatorOrder = z.output<typeof orderSchema>

/** The same over TCP, with a token: nothing at once, nothing without a permit, and the token says who. */
export const namedOrderSchema = z
  .strictObject({ ...fields, intent: z.enum(['serve', 'drain']) })
  .transform(({ version: _, ...order }) => order)
export type NamedOrder = z.output<typeof namedOrderSchema>
