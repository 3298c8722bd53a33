import { Command } from 'commander'

export function guardCommand(): Command {
  return new Command('guard')
    .summary('withdraw if the controller stops')
    .description(
      'Withdraws a service when its controller stops renewing its deadline. The controller starts a guard by itself.',
    )
    .requiredOption('--bundle <dir>', "this node's bundle, as `anyward plan` wrote it")
    .option('--stay', 'keep running with nothing to guard: for a supervisor')
    .action(async ({ bundle, stay = false }: { bundle: string; stay?: boolean }) => {
      const { guard } = await import('../../node/guard.ts')
      await guard(bundle, stay)
    })
}
