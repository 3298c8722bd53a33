import { Command } from 'commander'

export function signCommand(): Command {
  return new Command('sign')
    .summary('sign the bundles')
    .description(
      'Signs every bundle of a folder that has changed since it was signed, with a serial above all former ones. Nodes whose bundle has `planner.keys` accept no others.',
    )
    .requiredOption(
      '--key <file>',
      'an Ed25519 key of OpenSSH: a private key without a passphrase, or a .pub file whose private half is in ssh-agent',
    )
    .option('--out <dir>', 'the folder that `anyward plan --out` has written', 'out')
    .option(
      '--again',
      'also bundles that are signed as they are now: with a new serial, above what an undo gave out',
    )
    .action(async (_options: unknown, command: Command) => {
      const { sign } = await import('../../design/sign.ts')
      await sign(command.optsWithGlobals())
    })
}
