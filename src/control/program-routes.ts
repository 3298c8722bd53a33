import { endpoints } from './endpoints.ts'
import type { OperatorOrder } from './order.ts'
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
 * @param carryOut carries out an operator's order; resolves with the status after it, rejects with a message for a
 * person
 */
export function orderRoute(carryOut: (order: OperatorOrder) => Promise<unknown>): Route {
  return {
    ...endpoints.order,
    async answer(body) {
      // Loaded with the first order: a controller runs for months without one.
      const { orderSchema } = await import('./order.ts')
      const order = orderSchema.safeParse(body)
      if (!order.success) {
        const issues = order.error.issues.map(({ message }) => message)
        return jsonReply(400, { error: 'not an order', issues })
      }
      try {
        return jsonReply(200, await carryOut(order.data))
      } catch (error) {
        return jsonReply(500, { error: error instanceof Error ? error.message : String(error) })
      }
    },
  }
}
