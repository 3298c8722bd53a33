#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { Command } from 'commander'
import { commandGroups } from './commands/groups.ts'
import { programVersion } from './program-version.ts'

// Set before anything is loaded. V8 doubles its young generation as it fills, up to 48 MB, and optimizes a function after
// 132 kB of executed bytecode. A controller makes little garbage, for months, beside other programs; the optimizing compiler
// takes 5 MB of it, and gains little (docs/decisions/0017). A plan of a thousand sites makes much garbage, and ends before
// most of what is optimized pays off: optimized later, it takes a fifth less time.
if (['controller', 'guard', 'agent'].some((command) => process.argv.includes(command)))
  setFlagsFromString('--semi-space-growth-factor=1 --no-opt')
else setFlagsFromString('--semi-space-growth-factor=64 --interrupt-budget=540672')

const program = new Command('anyward')
  .version(programVersion, '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .description('Keeps a WireGuard VPN reachable on one anycast address from many sites.')
  .option('--sites <dir>', 'the folder with fleet.yaml and one file for each site', 'sites')
  .option('--json', 'print one JSON document on stdout, and nothing else')

for (const [group, commands] of Object.entries(commandGroups)) {
  program.commandsGroup(`${group}:`)
  for (const make of commands) program.addCommand(make())
}
program.commandsGroup('Help:').helpCommand('help [command]', 'print the help of a command')
// For packagers and shells.
if (process.argv[2] === 'completion') {
  const { completionCommand } = await import('./completion.ts')
  program.addCommand(completionCommand(), { hidden: true })
}
configure(program)

/** commander hands settings down only to the subcommands that it makes itself. */
function configure(command: Command): void {
  command
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (subcommand) => subcommand.name() })
  for (const subcommand of command.commands) configure(subcommand)
}

// A reader such as `head` may close the pipe: the command goes on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

try {
  await program.parseAsync()
} catch (error) {
  const { reportFailure } = await import('./failure.ts')
  // Not exitCode: a controller that fails during its start has sockets and timers that keep the process running.
  process.exit(reportFailure(error))
}
