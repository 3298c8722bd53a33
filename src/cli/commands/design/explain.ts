import { Argument, Command, Option } from 'commander'
import { collect, defaultStateDir } from '../options.ts'

export function explainCommand(): Command {
  return new Command('explain')
    .summary('what happens to a route, and by which rule')
    .description('Prints what a node does with a route, and which rule decides. Queries no daemon.')
    .argument('<node>', 'such as fra1-a')
    .argument('<neighbor>', 'one of its neighbors')
    .addArgument(
      new Argument('<direction>', 'import: from the neighbor; export: to it').choices(['import', 'export']),
    )
    .argument('<prefix>', 'such as 203.0.113.0/24')
    .option('--as-path <path>', 'the AS path, the neighbor’s AS first (default for import: only that)')
    .addOption(
      new Option('--community <community>', 'such as 64500:1 or 64500:1:2; may be repeated')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--next-hop <address>', 'the next hop (default: the neighbor)')
    .addOption(
      new Option('--origin <origin>', 'the origin attribute')
        .choices(['igp', 'egp', 'incomplete'])
        .default('igp'),
    )
    .option('--local', 'the node originates the route (default for export of our own prefixes)')
    .option('--no-local', 'the route is learned from a neighbor, although the prefix is ours')
    .option('--degraded', 'the node announces it degraded')
    .option('--vrps <file>', 'VRPs to validate the origin with: JSON of rpki-client or Routinator')
    .option('--state <dir>', 'where plan keeps the last good IRR sets and VRPs', defaultStateDir)
    .action(async (node: string, neighbor: string, direction: string, prefix: string, _options, command) => {
      const { explain } = await import('../../design/explain.ts')
      const asked = { node, neighbor, direction: direction as 'import' | 'export', prefix }
      await explain(asked, (command as Command).optsWithGlobals())
    })
}
