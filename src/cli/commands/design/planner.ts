import { Command } from 'commander'
import { defaultStateDir, parseSites } from '../options.ts'

export function plannerCommand(): Command {
  return new Command('planner')
    .summary('plan on a schedule')
    .description(
      'Runs `plan` on the schedule in fleet.yaml: reads the sites, VRPs and IRR sets, and writes the bundles that change. SIGHUP starts a run at once. Logs JSON lines to stderr.',
    )
    .requiredOption('--out <dir>', 'the bundles go to <dir>/<site>/<node>/')
    .option('--state <dir>', 'where the last good VRPs and IRR sets are kept', defaultStateDir)
    .option('--no-check', 'do not load each bundle with its daemon’s own parser')
    .option(
      '--refuse-below <sites>',
      'write nothing if a service would be announced at fewer sites',
      parseSites,
    )
    .option('--key <file>', 'sign the bundles with this key, as `anyward sign` does')
    .option('--listen <address:port>', 'serve the page of the fleet, /healthz, /status and /metrics there')
    .option(
      '--store-keys <dir>',
      'with a store: the folder of the planner’s certificate (default: the files that `store` in fleet.yaml names)',
    )
    .option(
      '--tokens <file>',
      'who may pause and abort a rollout on the page: lines that `anyward token NAME` prints (default: no one)',
    )
    .option('--once', 'plan once, then exit: 0 planned, 1 refused, 2 could not be planned')
    .action(async (_options: unknown, command: Command) => {
      const { planner } = await import('../../design/planner.ts')
      await planner(command.optsWithGlobals())
    })
}
