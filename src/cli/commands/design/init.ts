import { Command, Option } from 'commander'
import { collect } from '../options.ts'

export function initCommand(): Command {
  return new Command('init')
    .summary('write a first fleet.yaml and site')
    .description(
      'Writes fleet.yaml and the file of a first site: asks on a terminal, or takes everything from flags. Overwrites nothing.',
    )
    .option('--from <file>', 'take over AS number, router id and sessions of a bird.conf or frr.conf')
    .option('--asn <number>', 'your AS number')
    .option('--site <name>', 'the site')
    .option('--node <name>', 'its node (default: the site’s name and -a)')
    .addOption(new Option('--daemon <kind>', 'the routing daemon on the node').choices(['bird', 'frr']))
    .option('--router-id <id>', 'the node’s BGP identifier')
    .option('--service <name>', 'the service (default: vpn)')
    .option('--anycast <address>', 'an address that clients dial; may be repeated', collect)
    .option(
      '--covering <prefix>',
      'a prefix that leaves the AS; may be repeated (default: /24, /48)',
      collect,
    )
    .option('--allow-bogons', 'those prefixes may be private or for documentation, as in a lab')
    .option('--interface <name>', 'the WireGuard interface (default: wg0)')
    .option('--port <port>', 'its port (default: of that interface, or 51820)')
    .option('--public-key <key>', 'the server’s public key (default: of that interface)')
    .option(
      '--tunnel-address <address>',
      'the server’s address and subnet in the tunnel; may be repeated',
      collect,
    )
    .option('--probe-address <address>', 'the probe’s address there (default: near the subnet’s end)')
    .option(
      '--neighbor <map>',
      'a session, as in a site’s file: "kind: transit, asn: 64601, …"; may be repeated',
      collect,
    )
    .option('--kind <name=kind>', 'what a session of --from is; may be repeated', collect)
    .action(async (_options: unknown, command: Command) => {
      const { init } = await import('../../design/init/init.ts')
      await init(command.optsWithGlobals())
    })
}
