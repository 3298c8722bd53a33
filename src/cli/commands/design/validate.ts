import { Command } from 'commander'

export function validateCommand(): Command {
  return new Command('validate')
    .summary('check the YAML of the sites')
    .description('Reports every problem of the YAML at once, each with its place and a remedy.')
    .action(async (_options: unknown, command: Command) => {
      const { validate } = await import('../../design/validate.ts')
      await validate(command.optsWithGlobals())
    })
}
