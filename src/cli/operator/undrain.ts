import type { Command } from 'commander'
import { type Course, giveOrder, type OrderOptions } from './give-order.ts'
import { nodeCommand } from './locate-bundle.ts'

const course: Course = {
  isReached: ({ services, daemon }) =>
    daemon.verified && services.every(({ drain, decision }) => drain.stage === 'none' && decision !== 'hold'),
  limitMs: ({ services }) => Math.max(0, ...services.map(({ drain }) => drain.undrainMs)),
  hintIfAbsent: 'start it: anyward controller --bundle DIR',
}

export function undrainCommand(): Command {
  return nodeCommand('undrain')
    .description(
      'Ends a drain or a withdrawal: as soon as its endpoint is healthy the node announces again, degraded for a while. Within a maintenance window it serves until the next one begins.',
    )
    .option('--no-wait', 'do not wait until it serves as before')
    .action((_options: unknown, command: Command) =>
      giveOrder(
        { intent: 'serve', reason: null, forMs: null },
        course,
        command.optsWithGlobals<OrderOptions>(),
      ),
    )
}
