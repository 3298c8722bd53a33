import type { Command } from 'commander'
import { nodeCommand } from './node-command.ts'

export function withdrawCommand(): Command {
  return nodeCommand('withdraw')
    .summary('withdraw at once')
    .description(
      'Withdraws every service of this node at once: through its controller, or directly if the controller does not answer.',
    )
    .option('--reason <text>', 'the reason, shown in the status')
    .option(
      '--force',
      'without the permit of the fleet’s store, even if too few other sites are well; needs --reason',
    )
    .option(
      '--after-stop',
      'for ExecStopPost= of systemd: only after a failure, and only services with a dead man’s switch that no guard watches',
    )
    .action(async (_options: unknown, command: Command) => {
      const { withdraw } = await import('../../node/withdraw.ts')
      await withdraw(command.optsWithGlobals())
    })
}
