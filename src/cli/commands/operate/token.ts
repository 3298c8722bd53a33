import { Command } from 'commander'

/** `anyward token`: who may order from the page. */
export function tokenCommand(): Command {
  return new Command('token')
    .summary('make a token for orders on the page')
    .description(
      'Prints a new random token for the page of a node, once, and the line for the file of `controller.tokensFile`, which has only its hash. To revoke it, remove that line.',
    )
    .argument('<name>', 'who gets it: the name is in the log of each order')
    .option('--file <file>', 'add the line to this file, mode 0600, instead of printing it')
    .action(async (name: string, options: { file?: string }) => {
      const { makeToken } = await import('../../operate/token.ts')
      await makeToken(name, options.file ?? null)
    })
}
