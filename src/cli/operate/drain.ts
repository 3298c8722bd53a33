import { type ForceOptions, userName, userOf } from '../force.ts'
import { type Course, giveOrder, type OrderOptions } from './give-order.ts'

export type DrainOptions = OrderOptions & ForceOptions & { readonly for?: number }

const course: Course = {
  isReached: ({ services, daemon }) =>
    daemon.verified && services.every(({ drain }) => drain.stage === 'drained'),
  limitMs: ({ services }) => Math.max(0, ...services.map(({ drain }) => drain.limitMs)),
  hintIfAbsent: 'without one, `anyward withdraw` withdraws too',
}

export async function drain(options: DrainOptions): Promise<void> {
  const { for: forMs = null, reason = null } = options
  await giveOrder(
    { intent: 'drain', reason, forMs, by: userName(), forcedBy: userOf(options) },
    course,
    options,
  )
}
