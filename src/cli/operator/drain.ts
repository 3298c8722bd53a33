import { type Command, InvalidArgumentError } from 'commander'
import { parseDuration } from '../../text/duration.ts'
import { type Course, giveOrder, type OrderOptions } from './give-order.ts'
import { nodeCommand } from './locate-bundle.ts'

type DrainOptions = OrderOptions & { readonly for?: number; readonly reason?: string }

const course: Course = {
  isReached: ({ services, daemon }) =>
    daemon.verified && services.every(({ drain }) => drain.stage === 'drained'),
  limitMs: ({ services }) => Math.max(0, ...services.map(({ drain }) => drain.limitMs)),
  hintIfAbsent: 'without one, `anyward withdraw` withdraws too',
}

export function drainCommand(): Command {
  return nodeCommand('drain')
    .description(
      'Takes this node out of service until `undrain`: degrades its routes, waits until traffic has gone, withdraws. Outlives a restart of the controller.',
    )
    .option('--for <duration>', 'serve again by itself after this long, such as 30m', parseFor)
    .option('--reason <text>', 'why, for those who read the status')
    .option('--no-wait', 'do not wait until it is drained')
    .action((_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<DrainOptions>()
      const { for: forMs = null, reason = null } = options
      return giveOrder({ intent: 'drain', reason, forMs }, course, options)
    })
}

function parseFor(text: string): number {
  const parsed = parseDuration(text)
  if (parsed === null) throw new InvalidArgumentError('Write a duration such as 30m.')
  return parsed
}
