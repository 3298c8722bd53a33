import type { Command } from 'commander'

/** The commands and options as data, for completion scripts and the manual page. */
export interface CommandNode {
  readonly name: string
  readonly description: string
  readonly arguments: readonly {
    readonly name: string
    readonly description: string
    readonly required: boolean
    readonly variadic: boolean
    readonly choices: readonly string[]
  }[]
  readonly options: readonly OptionNode[]
  readonly commands: readonly CommandNode[]
}

export interface OptionNode {
  /** As in the help: `--for <duration>`. */
  readonly flags: string
  readonly short: string | null
  readonly long: string
  /** The name of its value; `null` if it takes none. */
  readonly value: string | null
  readonly choices: readonly string[]
  readonly description: string
  /** As text; `null` if there is none, or the description states it. */
  readonly default: string | null
}

/** Hidden commands and options are left out. */
export function describeCommand(command: Command): CommandNode {
  const help = command.createHelp()
  return {
    name: command.name(),
    description: command.description(),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      description: argument.description,
      required: argument.required,
      variadic: argument.variadic,
      choices: argument.argChoices ?? [],
    })),
    options: help
      .visibleOptions(command)
      .filter(({ long }) => long !== undefined && long !== null)
      .map((option) => ({
        flags: option.flags,
        short: option.short ?? null,
        long: option.long!,
        value: /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? null,
        choices: option.argChoices ?? [],
        description: option.description,
        default: describeDefault(option),
      })),
    commands: help
      .visibleCommands(command)
      .filter((child) => child.name() !== 'help')
      .map(describeCommand),
  }
}

function describeDefault(option: Command['options'][number]): string | null {
  if (option.defaultValueDescription !== undefined) return option.defaultValueDescription
  const { defaultValue } = option
  if (typeof defaultValue === 'string') return defaultValue
  return typeof defaultValue === 'number' ? String(defaultValue) : null
}
