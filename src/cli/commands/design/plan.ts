import { Command, Option } from 'commander'
import { defaultStateDir, parseSites } from '../options.ts'

interface PlanWords {
  readonly out?: string
  readonly forNeighbor?: string
  readonly probePeers?: string
}

export function planCommand(): Command {
  return new Command('plan')
    .summary('write a bundle for each node')
    .description(
      'Writes a bundle for each node: its routing daemon’s configuration and its controller’s manifest. Prints what changes.',
    )
    .option('--out <dir>', 'the bundles go to <dir>/<site>/<node>/')
    .option('--no-check', 'do not load each bundle with its daemon’s own parser')
    .option('--no-diff', 'do not print the text diff of the files')
    .option('--state <dir>', 'where the last good VRPs and IRR sets are kept', defaultStateDir)
    .option(
      '--refuse-below <sites>',
      'write nothing if a service would be announced at fewer sites',
      parseSites,
    )
    .addOption(
      new Option(
        '--for-neighbor <name>',
        'write nothing: print what the operator of that neighbor has to configure (NAME, or NODE/NAME)',
      ).conflicts(['out', 'refuseBelow']),
    )
    .addOption(
      new Option(
        '--probe-peers <node>',
        'write nothing: print the peers that the WireGuard of that node needs for its probe, and for those of other sites',
      ).conflicts(['out', 'refuseBelow', 'forNeighbor']),
    )
    .action(async ({ out, forNeighbor, probePeers }: PlanWords, command: Command) => {
      if (probePeers !== undefined) {
        const { printProbePeers } = await import('../../design/probe-peers.ts')
        await printProbePeers(probePeers, command.optsWithGlobals())
        return
      }
      if (forNeighbor !== undefined) {
        const { printFarEnd } = await import('../../design/far-end.ts')
        await printFarEnd(forNeighbor, command.optsWithGlobals())
        return
      }
      if (out === undefined) command.error("error: required option '--out <dir>' not specified")
      const { plan } = await import('../../design/plan.ts')
      await plan(command.optsWithGlobals())
    })
}
