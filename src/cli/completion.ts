import { Argument, Command } from 'commander'
import { type CommandNode, describeCommand, type OptionNode } from './command-tree.ts'

const printers: Readonly<Record<string, (program: CommandNode) => string>> = {
  bash: printBash,
  zsh: printZsh,
  fish: printFish,
  json: (program) => `${JSON.stringify(program, null, 2)}\n`,
}

/** Its parent must be the whole program: it completes the parent's commands. */
export function completionCommand(): Command {
  return new Command('completion')
    .description('Prints a completion script for a shell, or all commands and options as JSON.')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(printers)))
    .action((shell: string, _options: unknown, command: Command) => {
      process.stdout.write(printers[shell]!(describeCommand(command.parent!)))
    })
}

/** One place on the command line, and what may follow there. */
interface Place {
  /** The words that lead there, without the program's own name. */
  readonly path: readonly string[]
  readonly node: CommandNode
  /** Its own options and those of the program, which are valid everywhere. */
  readonly options: readonly OptionNode[]
}

function* placesOf(program: CommandNode): Generator<Place> {
  yield* walk(program, [], [])
}

function* walk(
  node: CommandNode,
  path: readonly string[],
  inherited: readonly OptionNode[],
): Generator<Place> {
  const options = [...node.options, ...inherited]
  yield { path, node, options: [...new Map(options.map((option) => [option.long, option])).values()] }
  const below =
    path.length > 0 ? inherited : node.options.filter(({ long }) => long !== '--help' && long !== '--version')
  for (const child of node.commands) yield* walk(child, [...path, child.name], below)
}

function completes(option: OptionNode): 'folder' | 'file' | 'other' {
  if (option.value === 'dir') return 'folder'
  return option.value === 'file' ? 'file' : 'other'
}

function printBash(program: CommandNode): string {
  const places = [...placesOf(program)]
  const taking = distinct(places.flatMap(({ options }) => options).filter(({ value }) => value !== null))
  const by = (kind: string) =>
    taking.filter((option) => option.choices.length === 0 && completes(option) === kind)
  const choosing = taking.filter(({ choices }) => choices.length > 0)
  const cases = [
    ...choosing.map(({ long, choices }) => `    ${long}) _anyward_offer "${choices.join(' ')}"; return ;;`),
    ...caseOf(by('folder'), 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$word"); return'),
    ...caseOf(by('file'), 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return'),
    ...caseOf(by('other'), 'return'),
  ]
  const steps = places.flatMap(({ path }) => (path.length === 0 ? [] : [`'${['', ...path].join(' ')}'`]))
  const offers = places.map(({ path, node, options }) => {
    const choices = node.arguments.flatMap((argument) => argument.choices)
    const words = [...node.commands.map(({ name }) => name), ...choices]
    const key = `'${path.map((word) => ` ${word}`).join('')}'`
    return `    ${key}) words="${words.join(' ')}" options="${options.map(({ long }) => long).join(' ')}" ;;`
  })
  return `_anyward_offer() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "\${COMP_WORDS[COMP_CWORD]}"); }
_anyward() {
  local word=\${COMP_WORDS[COMP_CWORD]} path='' words='' options='' i
  COMPREPLY=()
  case \${COMP_WORDS[COMP_CWORD - 1]} in
${cases.join('\n')}
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
      ${steps.join(' | ')}) path+=" \${COMP_WORDS[i]}" ;;
    esac
  done
  case $path in
${offers.join('\n')}
  esac
  if [[ $word == -* ]]; then _anyward_offer "$options"; else _anyward_offer "$words"; fi
}
complete -F _anyward anyward
`
}

function caseOf(options: readonly OptionNode[], action: string): string[] {
  return options.length === 0 ? [] : [`    ${options.map(({ long }) => long).join(' | ')}) ${action} ;;`]
}

function printZsh(program: CommandNode): string {
  const functions = [...placesOf(program)].map(({ path, node, options }) => {
    const name = ['_anyward', ...path].join('_')
    const specs = options.map((option) => {
      const value = option.value === null ? '' : `:${option.value}:${zshAction(option)}`
      return quote(`${option.long}[${zshText(brief(option.description))}]${value}`)
    })
    const operands = node.arguments.map((argument) => {
      const action = argument.choices.length > 0 ? `(${argument.choices.join(' ')})` : ' '
      return quote(`${argument.variadic ? '*' : ''}:${zshText(argument.name)}:${action}`)
    })
    if (node.commands.length === 0) {
      return `${name}() {\n  _arguments ${[...specs, ...operands].join(' \\\n    ')}\n}`
    }
    const described = node.commands.map((child) =>
      quote(`${child.name}:${zshText(brief(child.description))}`),
    )
    const branches = node.commands.map((child) => `        ${child.name}) ${name}_${child.name} ;;`)
    return `${name}() {
  local curcontext=$curcontext state line
  local -a commands=(
    ${described.join('\n    ')}
  )
  _arguments -C ${[...specs, quote('1: :->command'), quote('*:: :->rest')].join(' \\\n    ')}
  case $state in
    command) _describe command commands ;;
    rest)
      case $line[1] in
${branches.join('\n')}
      esac ;;
  esac
}`
  })
  return `#compdef anyward\n${functions.join('\n')}\n_anyward "$@"\n`
}

function zshAction(option: OptionNode): string {
  if (option.choices.length > 0) return `(${option.choices.join(' ')})`
  return { folder: '_files -/', file: '_files', other: ' ' }[completes(option)]
}

/** Brackets and colons end a part of a specification. */
function zshText(text: string): string {
  return text.replaceAll(/[[\]:]/g, '\\$&')
}

function printFish(program: CommandNode): string {
  const lines = ['complete -c anyward -f']
  for (const { path, node, options } of placesOf(program)) {
    const children = node.commands.map(({ name }) => name)
    const within = path.map((word) => `__fish_seen_subcommand_from ${word}`)
    const here = children.length === 0 ? [] : [`not __fish_seen_subcommand_from ${children.join(' ')}`]
    const start = `complete -c anyward -n ${quote([...within, ...here].join('; and '))}`
    for (const child of node.commands)
      lines.push(`${start} -a ${child.name} -d ${quote(brief(child.description))}`)
    for (const { choices } of node.arguments) {
      if (choices.length > 0) lines.push(`${start} -a ${quote(choices.join(' '))}`)
    }
    for (const option of options) lines.push(`${start} ${fishOption(option)}`)
  }
  return `${lines.join('\n')}\n`
}

function fishOption(option: OptionNode): string {
  const parts = [`-l ${option.long.slice(2)}`]
  if (option.choices.length > 0) parts.push(`-x -a ${quote(option.choices.join(' '))}`)
  else if (option.value !== null) {
    parts.push(
      { folder: `-x -a '(__fish_complete_directories)'`, file: '-r -F', other: '-x' }[completes(option)],
    )
  }
  return [...parts, `-d ${quote(brief(option.description))}`].join(' ')
}

/** A line of a menu has room for its first clause. */
function brief(text: string): string {
  return /^.*?(?=[.:;] |\.?$)/.exec(text)![0]
}

/** Single quotes suffice in all three shells, except for fish's backslash, which no text here contains. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`
}

function distinct(options: readonly OptionNode[]): OptionNode[] {
  return [...new Map(options.map((option) => [option.long, option])).values()]
}
