#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { Command } from 'commander'
import { reportFailure } from './failure.ts'
import { programVersion } from './versions.ts'

// Set before anything is loaded. V8 doubles its young generation as it fills, up to 48 MB. A controller makes little
// garbage, for months, beside other programs; a plan of a thousand sites makes much of it, and ends.
if (process.argv.includes('controller') || process.argv.includes('guard'))
  setFlagsFromString('--semi-space-growth-factor=1')
else setFlagsFromString('--semi-space-growth-factor=64')

/** Each command with its own imports: a controller need not carry the planner's memory. */
const loaders: Readonly<Record<string, () => Promise<Command>>> = {
  validate: async () => (await import('./planning/validate.ts')).validateCommand(),
  schema: async () => (await import('./planning/schema.ts')).schemaCommand(),
  plan: async () => (await import('./planning/plan.ts')).planCommand(),
  planner: async () => (await import('./planning/planner.ts')).plannerCommand(),
  explain: async () => (await import('./planning/explain.ts')).explainCommand(),
  preflight: async () => (await import('./planning/preflight.ts')).preflightCommand(),
  rtr: async () => (await import('./planning/rtr.ts')).rtrCommand(),
  probe: async () => (await import('./probe.ts')).probeCommand(),
  controller: async () => (await import('./node/controller.ts')).controllerCommand(),
  status: async () => (await import('./operator/status.ts')).statusCommand(),
  events: async () => (await import('./operator/events.ts')).eventsCommand(),
  drain: async () => (await import('./operator/drain.ts')).drainCommand(),
  undrain: async () => (await import('./operator/undrain.ts')).undrainCommand(),
  withdraw: async () => (await import('./node/withdraw.ts')).withdrawCommand(),
  guard: async () => (await import('./node/guard.ts')).guardCommand(),
  apply: async () => (await import('./node/apply.ts')).applyCommand(),
  lab: async () => (await import('./lab.ts')).labCommand(),
}
/** Of packagers and of shells, not of people; it completes what is loaded beside it. */
const loadCompletion = async () => (await import('./completion.ts')).completionCommand()

const program = new Command('anyward')
  .version(programVersion)
  .description('Keeps a WireGuard VPN reachable on one anycast address from many sites.')
  .option('--sites <dir>', 'the folder with fleet.yaml and one file a site', 'sites')
  .option('--json', 'one JSON document on stdout, and nothing else there')

const named = process.argv.slice(2).filter((word) => Object.hasOwn(loaders, word))
for (const name of named.length === 0 ? Object.keys(loaders) : new Set(named)) {
  program.addCommand(await loaders[name]!())
}
if (process.argv[2] === 'completion') program.addCommand(await loadCompletion(), { hidden: true })
configure(program)

/** commander hands settings down only to the subcommands that it makes itself. */
function configure(command: Command): void {
  command.exitOverride().configureHelp({ showGlobalOptions: true })
  for (const subcommand of command.commands) configure(subcommand)
}

// Whoever read the output has seen enough, as `head` has; what is being done is done all the same.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

try {
  await program.parseAsync()
} catch (error) {
  // Not by exitCode: a controller that fails half way up has sockets and timers that would keep it.
  process.exit(reportFailure(error))
}
