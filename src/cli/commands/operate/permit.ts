import { Command } from 'commander'
import { nodeCommand } from './node-command.ts'

export function permitCommand(): Command {
  return new Command('permit')
    .summary('permits to withdraw, in the fleet’s store')
    .description('`anyward status --fleet` lists the permits to withdraw.')
    .addCommand(removeCommand())
}

function removeCommand(): Command {
  return nodeCommand('remove')
    .summary('remove the permit of a node that does not come back')
    .description(
      'Removes a node that does not come back from the register of a service, through the controller of this node, which logs who did it and why. Exits 1 if the register does not have it.',
    )
    .argument('<service>', 'the service')
    .argument('<holder>', 'the node that has the permit, as SITE/NODE')
    .requiredOption('--reason <text>', 'the reason, for the log')
    .action(async (service: string, holder: string, _options: unknown, command: Command) => {
      const { removePermit } = await import('../../operate/permit.ts')
      await removePermit(service, holder, command.optsWithGlobals())
    })
}
