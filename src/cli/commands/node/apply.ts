import { Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../../../text/duration.ts'

export function applyCommand(): Command {
  return new Command('apply')
    .summary('install this node’s bundle')
    .description(
      'Installs this node’s bundle: checks it with the daemon’s parser, activates it, verifies sessions and announcements, and rolls back if any are lost.',
    )
    .option('--bundle <dir>', "this node's bundle, as `anyward plan` wrote it")
    .addOption(new Option('--repair', 'only roll back what an interrupted apply left').conflicts('bundle'))
    .addOption(
      new Option(
        '--clean',
        'only remove announcements that `write memory` saved from FRR’s files; nothing else changes',
      ).conflicts('repair'),
    )
    .addOption(
      new Option(
        '--replace',
        'replace a configuration that no bundle has written, or that was changed since the last apply; keeps a copy',
      ).conflicts(['repair', 'clean']),
    )
    .addOption(
      new Option(
        '--reload',
        'let the controller give way to one with this bundle, which its supervisor starts; the announcements stay',
      ).conflicts(['repair', 'clean']),
    )
    .addOption(
      new Option(
        '--dry-run',
        'check the bundle as before a change, print its effect on the sessions, and change nothing',
      ).conflicts(['repair', 'clean', 'reload']),
    )
    .addOption(
      new Option(
        '--keys <file>',
        'accept a bundle that one of these public keys has signed, with any serial, in place of the pinned keys',
      ).conflicts(['repair', 'clean']),
    )
    .addOption(
      new Option('--timeout <duration>', 'time limit for sessions to come back')
        .argParser(readTimeout)
        .default(25_000, '25s'),
    )
    .action(async (_options: unknown, command: Command) => {
      const { runApply } = await import('../../node/apply.ts')
      await runApply(command.optsWithGlobals())
    })
}

function readTimeout(text: string): number {
  const parsed = parseDuration(text)
  if (parsed === null || parsed < 1000)
    throw new InvalidArgumentError('Write a duration of a second or more, such as 25s.')
  return parsed
}
