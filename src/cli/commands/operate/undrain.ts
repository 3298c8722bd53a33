import type { Command } from 'commander'
import { nodeCommand } from './node-command.ts'

export function undrainCommand(): Command {
  return nodeCommand('undrain')
    .summary('put it back into service')
    .description(
      'Ends a drain or a withdrawal: the node announces again once its endpoint is healthy, degraded at first. Within a maintenance window it serves until the next window begins.',
    )
    .option('--no-wait', 'do not wait until it serves as before')
    .action(async (_options: unknown, command: Command) => {
      const { undrain } = await import('../../operate/undrain.ts')
      await undrain(command.optsWithGlobals())
    })
}
