import type { Command } from 'commander'
import { nodeCommand } from './node-command.ts'

export function statusCommand(): Command {
  return nodeCommand('status')
    .summary('what this node announces, and why')
    .description(
      'Prints what this node announces, to which neighbors, and why. Exits 1 if a service is not healthy and announced.',
    )
    .option(
      '--fleet',
      'all nodes of the fleet, by what they last said to its store; exits 1 unless all is well',
    )
    .option(
      '--watch',
      'show changes until Ctrl-C: on a terminal in place, otherwise the status at each change; with --json one document a line',
    )
    .action(async (_options: unknown, command: Command) => {
      const { runStatus } = await import('../../operate/status.ts')
      await runStatus(command.optsWithGlobals())
    })
}
