import { Command } from 'commander'

export function preflightCommand(): Command {
  return new Command('preflight')
    .summary('RPKI validation of our announcements')
    .description('Prints the RPKI origin validation state of every announcement of the fleet.')
    .option('--vrps <file>', "a validator's JSON: rpki-client or Routinator")
    .option('--slurm <file>', 'local exceptions (RFC 8416)')
    .action(async (_options: unknown, command: Command) => {
      const { runPreflight } = await import('../../design/preflight.ts')
      await runPreflight(command.optsWithGlobals())
    })
}
