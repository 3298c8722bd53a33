import { Command, Option } from 'commander'
import { defaultBundle } from '../options.ts'

/** A command for one node. */
export function nodeCommand(name: string): Command {
  return new Command(name)
    .addOption(
      new Option(
        '--bundle <dir>',
        `the node's bundle (default: ${defaultBundle}, or the lab node whose namespace this is)`,
      ),
    )
    .addOption(new Option('--node <name>', 'a node of the lab that is up').conflicts('bundle'))
}
