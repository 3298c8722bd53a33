import { userName } from '../force.ts'
import { type Course, giveOrder, type OrderOptions } from './give-order.ts'

const course: Course = {
  isReached: ({ services, daemon }) =>
    daemon.verified && services.every(({ drain, decision }) => drain.stage === 'none' && decision !== 'hold'),
  limitMs: ({ services }) => Math.max(0, ...services.map(({ drain }) => drain.undrainMs)),
  hintIfAbsent: null,
}

export async function undrain(options: OrderOptions): Promise<void> {
  await giveOrder({ intent: 'serve', reason: null, forMs: null, by: userName() }, course, options)
}
