import { Command, Option } from 'commander'
import { clientScenarioNames, scenarioNames } from '../../../lab/scenario/names.ts'
import { collect } from '../options.ts'
import { labRolloutCommand } from './lab-rollout.ts'
import { parseTime } from './parse-time.ts'

const timeoutHelp = 'time limit for the start of the daemons (default: 60s, and 5s for each node)'
const storeHelp = 'also start a store: etcd with three members, which every node joins'

export function labCommand(): Command {
  return new Command('lab')
    .summary('run the fleet on this machine')
    .description('Runs the fleet on this machine, with real daemons in network namespaces. Needs root.')
    .addCommand(upCommand())
    .addCommand(runCommand())
    .addCommand(labRolloutCommand())
    .addCommand(downCommand())
}

function upCommand(): Command {
  return new Command('up')
    .description('Starts the fleet, waits until clients are served everywhere, and leaves it running.')
    .option('--store', storeHelp)
    .option('--no-controllers', 'start no controllers: nothing is announced')
    .option('--keep', 'do not remove a lab that fails to start')
    .option('--timeout <duration>', timeoutHelp, parseTime)
    .action(async (_options: unknown, command: Command) => {
      const { labUp } = await import('../../rehearse/lab.ts')
      await labUp(command.optsWithGlobals())
    })
}

function runCommand(): Command {
  return new Command('run')
    .description('Starts the fleet, injects faults, measures at the neighbors, and removes the fleet.')
    .argument(
      '[scenario...]',
      `the faults (default: all): ${scenarioNames.join(', ')}; of a client that reaches another site, with \`rescue\` in fleet.yaml: ${clientScenarioNames.join(', ')}; with --store also all-sites-bad; only if named, because it takes minutes: bad-rollout`,
    )
    .option(
      '--node <name>',
      'the node; may be repeated (default: the first node of each routing daemon)',
      collect,
    )
    .option('--no-client', 'do not measure the outage of clients, and leave out what is about a client')
    .addOption(new Option('--store', storeHelp).conflicts('running'))
    .option('--running', 'use the lab that is running, and leave it running')
    .option('--timeout <duration>', timeoutHelp, parseTime)
    .action(async (wanted: string[], _options: unknown, command: Command) => {
      const { labRun } = await import('../../rehearse/lab.ts')
      await labRun(wanted, command.optsWithGlobals())
    })
}

function downCommand(): Command {
  return new Command('down')
    .description('Removes every process, namespace, link and file of the lab, also after a crash.')
    .action(async (_options: unknown, command: Command) => {
      const { labDown } = await import('../../rehearse/lab.ts')
      await labDown(command.optsWithGlobals())
    })
}
