#!/usr/bin/env node
import { Command } from 'commander'
import { controllerCommand } from './controller.ts'
import { reportFailure } from './failure.ts'
import { labCommand } from './lab.ts'
import { drainCommand, undrainCommand, withdrawCommand } from './operator.ts'
import { planCommand } from './plan.ts'
import { statusCommand } from './status.ts'
import { validateCommand } from './validate.ts'

const program = new Command('anyward')
  .description('Keeps a WireGuard VPN reachable on one anycast address from many sites.')
  .option('--sites <dir>', 'the folder with fleet.yaml and one file a site', 'sites')
  .option('--json', 'one JSON document on stdout, and nothing else there')
  .addCommand(validateCommand())
  .addCommand(planCommand())
  .addCommand(controllerCommand())
  .addCommand(statusCommand())
  .addCommand(drainCommand())
  .addCommand(undrainCommand())
  .addCommand(withdrawCommand())
  .addCommand(labCommand())

/** commander hands settings down only to the subcommands that it makes itself. */
function configure(command: Command): void {
  command.exitOverride().configureHelp({ showGlobalOptions: true })
  for (const subcommand of command.commands) configure(subcommand)
}

configure(program)
try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = reportFailure(error)
}
