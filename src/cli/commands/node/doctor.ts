import type { Command } from 'commander'
import { Option } from 'commander'
import { nodeCommand } from '../operate/node-command.ts'

export function doctorCommand(): Command {
  return nodeCommand('doctor')
    .summary('what on this node would keep it from serving')
    .description(
      'Checks what on this node would keep it from serving, before an apply and after: routing daemon, WireGuard, addresses, routes, kernel settings, firewall, clock. Prints each finding with its cure, and changes nothing. Exits 1 if a finding is an error.',
    )
    .addOption(new Option('--name <name>', 'the DNS name that clients dial, to check its addresses and TTL'))
    .action(async (_options: unknown, command: Command) => {
      const { runDoctor } = await import('../../node/doctor.ts')
      await runDoctor(command.optsWithGlobals())
    })
}
