import { Command, Option } from 'commander'

export function rolloutCommand(): Command {
  return new Command('rollout')
    .summary('bring a plan to the nodes, in waves')
    .description(
      'Brings the bundles of `anyward plan --out DIR` to the nodes, over ssh or through the store, in waves. A wave that is not well is undone.',
    )
    .addCommand(startCommand())
    .addCommand(statusCommand())
    .addCommand(watchCommand())
    .addCommand(pauseCommand())
    .addCommand(resumeCommand())
    .addCommand(abortCommand())
    .addCommand(undoCommand())
}

/** What each subcommand does, also in a lab. */
export const rolloutDescriptions = {
  start: 'Starts a rollout, and drives it until it is done, undone or paused.',
  status: 'Prints the state of the latest rollout. Exits 1 if it is paused, undone or failed.',
  watch: 'Follows the latest rollout until it rests.',
  pause: 'Begins no further node. Nodes that change now are changed completely.',
  resume:
    'Continues a rollout that is paused, or whose command has ended. A wave that was undone is tried again.',
  abort: 'Undoes the current wave, and ends the rollout. Complete waves keep their new bundles.',
  undo: 'Gives every node the bundle from before the rollout, the last wave first; also after its end.',
} as const

export const dryRunOption = () =>
  new Option('--dry-run', 'change nothing: print the waves, and what changes at each node')

export const asStartedOption = () =>
  new Option('--as-started', 'also if the YAML has changed since: with the bundles of its start')

function subcommand(name: keyof typeof rolloutDescriptions): Command {
  return new Command(name)
    .description(rolloutDescriptions[name])
    .option('--out <dir>', 'the folder of the bundles, and of the state', 'out')
}

/** Of the commands that reach nodes. */
const storeKeys = () =>
  new Option(
    '--store-keys <dir>',
    'with a store: the folder of the planner’s certificate (default: the files that `store` in fleet.yaml names)',
  )

function startCommand(): Command {
  return subcommand('start')
    .addOption(dryRunOption())
    .option(
      '--key <file>',
      'for signed bundles: signs what undoes them, as `anyward sign --key` does; needed only now, not by `resume` or `undo`',
    )
    .option(
      '--trust-former',
      'sign for an undo what the nodes have, also if it is unsigned, or by a key that the plan does not have',
    )
    .addOption(
      new Option(
        '--via <way>',
        'how the nodes are reached (default: `via` in fleet.yaml); those of a lab: `anyward lab rollout`',
      ).choices(['ssh', 'store']),
    )
    .addOption(storeKeys())
    .option(
      '--take-over <id>',
      'with a store: also if that rollout is not over, because the folder of its state is lost',
    )
    .action(async (_options: unknown, command: Command) => {
      const { start } = await import('../../design/rollout/rollout.ts')
      await start(command.optsWithGlobals())
    })
}

function statusCommand(): Command {
  return subcommand('status').action(async (_options: unknown, command: Command) => {
    const { status } = await import('../../design/rollout/rollout.ts')
    await status(command.optsWithGlobals())
  })
}

function watchCommand(): Command {
  return subcommand('watch').action(async (_options: unknown, command: Command) => {
    const { watch } = await import('../../design/rollout/rollout.ts')
    await watch(command.optsWithGlobals())
  })
}

function pauseCommand(): Command {
  return subcommand('pause')
    .addOption(storeKeys())
    .action(async (_options: unknown, command: Command) => {
      const { operate } = await import('../../design/rollout/rollout.ts')
      await operate('pause', command.optsWithGlobals())
    })
}

function resumeCommand(): Command {
  return subcommand('resume')
    .addOption(asStartedOption())
    .option(
      '--key <file>',
      'for signed bundles, if a wave was undone: signs them again, above what the nodes run',
    )
    .addOption(storeKeys())
    .action(async (_options: unknown, command: Command) => {
      const { operate } = await import('../../design/rollout/rollout.ts')
      await operate('resume', command.optsWithGlobals())
    })
}

function abortCommand(): Command {
  return subcommand('abort')
    .addOption(storeKeys())
    .action(async (_options: unknown, command: Command) => {
      const { operate } = await import('../../design/rollout/rollout.ts')
      await operate('abort', command.optsWithGlobals())
    })
}

function undoCommand(): Command {
  return subcommand('undo')
    .addOption(storeKeys())
    .action(async (_options: unknown, command: Command) => {
      const { operate } = await import('../../design/rollout/rollout.ts')
      await operate('undo', command.optsWithGlobals())
    })
}
