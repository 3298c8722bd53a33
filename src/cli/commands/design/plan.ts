import { Command } from 'commander'
import { defaultStateDir, parseSites } from '../options.ts'

export function planCommand(): Command {
  return new Command('plan')
    .summary('write a bundle for each node')
    .description(
      'Writes a bundle for each node: its routing daemon’s configuration and its controller’s manifest. Prints what changes.',
    )
    .requiredOption('--out <dir>', 'the bundles go to <dir>/<site>/<node>/')
    .option('--no-check', 'do not load each bundle with its daemon’s own parser')
    .option('--no-diff', 'do not print the text diff of the files')
    .option('--state <dir>', 'where the last good VRPs and IRR sets are kept', defaultStateDir)
    .option(
      '--refuse-below <sites>',
      'write nothing if a service would be announced at fewer sites',
      parseSites,
    )
    .action(async (_options: unknown, command: Command) => {
      const { plan } = await import('../../design/plan.ts')
      await plan(command.optsWithGlobals())
    })
}
