import { type Command, InvalidArgumentError } from 'commander'
import { parseDuration } from '../../../text/duration.ts'
import { nodeCommand } from './node-command.ts'

export function drainCommand(): Command {
  return nodeCommand('drain')
    .summary('take this node out of service')
    .description(
      'Takes this node out of service until `undrain`: degrades its routes, waits until traffic has moved away, withdraws. Survives a restart of the controller.',
    )
    .option('--for <duration>', 'serve again after this time, such as 30m', parseFor)
    .option('--reason <text>', 'the reason, shown in the status')
    .option(
      '--force',
      'without the permit of the fleet’s store, even if too few other sites are well; needs --reason',
    )
    .option('--no-wait', 'do not wait until it is drained')
    .action(async (_options: unknown, command: Command) => {
      const { drain } = await import('../../operate/drain.ts')
      await drain(command.optsWithGlobals())
    })
}

function parseFor(text: string): number {
  const parsed = parseDuration(text)
  if (parsed === null) throw new InvalidArgumentError('Write a duration such as 30m.')
  return parsed
}
