import type * as z from 'zod'
import { endpoints } from './endpoints.ts'
import type { NamedOrder, OperatorOrder } from './order.ts'
import { jsonReply, type Reply, type Route } from './route.ts'

interface ProgramView {
  /** Whether the program can do its job. */
  isWorking(): boolean
  status(): unknown
  metrics(): Promise<Pick<Reply, 'contentType' | 'body'>>
}

/** What every long-running program serves. */
export function viewRoutes(program: ProgramView): Route[] {
  return [
    {
      ...endpoints.health,
      answer: () => {
        const working = program.isWorking()
        return jsonReply(working ? 200 : 503, { working })
      },
    },
    { ...endpoints.status, answer: () => jsonReply(200, program.status()) },
    { ...endpoints.metrics, answer: async () => ({ code: 200, ...(await program.metrics()) }) },
  ]
}

/**
 * What the owner of the socket orders.
 *
 * @param carryOut carries out an operator's order; resolves with the status after it, rejects with a message for a
 * person
 */
export function orderRoute(carryOut: (order: OperatorOrder) => Promise<unknown>): Route {
  return {
    ...endpoints.order,
    // Loaded with the first order: a controller runs for months without one.
    answer: async (body) => answerOrder((await import('./order.ts')).orderSchema, body, carryOut),
  }
}

/** What a name with a token orders: nothing that needs the owner. */
export function namedOrderRoute(
  carryOut: (order: NamedOrder & { readonly by: string }) => Promise<unknown>,
): Route {
  return {
    ...endpoints.namedOrder,
    answer: async (body, by) =>
      answerOrder((await import('./order.ts')).namedOrderSchema, body, (order) =>
        carryOut({ ...order, by: by! }),
      ),
  }
}

async function answerOrder<T>(
  schema: z.ZodType<T>,
  body: unknown,
  carryOut: (order: T) => Promise<unknown>,
): Promise<Reply> {
  const order = schema.safeParse(body)
  if (!order.success) {
    const issues = order.error.issues.map(({ message }) => message)
    return jsonReply(400, { error: 'not an order', issues })
  }
  try {
    return jsonReply(200, await carryOut(order.data))
  } catch (error) {
    return jsonReply(500, { error: error instanceof Error ? error.message : String(error) })
  }
}
