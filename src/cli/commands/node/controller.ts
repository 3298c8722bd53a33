import { Command } from 'commander'

export function controllerCommand(): Command {
  return new Command('controller')
    .summary('probe the endpoint, announce and withdraw')
    .description(
      'Probes the local WireGuard endpoint and announces or withdraws its prefixes. Logs JSON lines to stderr.',
    )
    .requiredOption('--bundle <dir>', "this node's bundle, as `anyward plan` wrote it")
    .action(async ({ bundle }: { bundle: string }) => {
      const { controller } = await import('../../node/controller.ts')
      await controller(bundle)
    })
}
