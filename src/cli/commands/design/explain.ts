import { Argument, Command, Option } from 'commander'
import { collect, defaultStateDir } from '../options.ts'

export function explainCommand(): Command {
  return new Command('explain')
    .summary('what happens to a route, and by which rule')
    .description('Prints what a node does with a route, and which rule decides. Queries no daemon.')
    .argument('<node>', 'such as fra1-a')
    .argument('<neighbor>', 'one of its neighbors')
    .addArgument(new Argument('<direction>', 'from the neighbor, or to it').choices(['import', 'export']))
    .argument('<prefix>', 'such as 203.0.113.0/24')
    .option('--as-path <path>', 'AS numbers, the neighbor’s first (import: that alone by default)')
    .option('--community <community>', 'such as 64500:1 or 64500:1:2; may be repeated', collect, [])
    .option('--next-hop <address>', 'the neighbor itself by default')
    .addOption(
      new Option('--origin <origin>', 'the origin attribute')
        .choices(['igp', 'egp', 'incomplete'])
        .default('igp'),
    )
    .option('--local', 'the node originates the route itself (export of our own prefixes: by default)')
    .option('--no-local', 'it is learned from a neighbor, though it is one of our own prefixes')
    .option('--degraded', 'the node originates it degraded')
    .option('--vrps <file>', 'JSON of rpki-client or Routinator, to validate the origin with')
    .option('--state <dir>', 'where plan keeps the last good IRR sets and VRPs', defaultStateDir)
    .action(async (node: string, neighbor: string, direction: string, prefix: string, _options, command) => {
      const { explain } = await import('../../planning/explain.ts')
      const asked = { node, neighbor, direction: direction as 'import' | 'export', prefix }
      await explain(asked, (command as Command).optsWithGlobals())
    })
}
