/** The page in roff (man(7)): the prose of the template, and the program's commands and options. */
export function writeManPage(program, { prose, version, date }) {
  const day = date.toISOString().slice(0, 10)
  const page = prose
    .replace('@date@', day)
    .replace('@version@', version)
    .replace('@options@', () => program.options.map(writeOption).join('\n'))
    .replace('@commands@', () => program.commands.map((command) => writeCommand(command, [])).join('\n'))
  return `${page.trimEnd()}\n`
}

function writeCommand(command, path) {
  const words = [...path, command.name]
  const own = command.options.filter(({ long }) => long !== '--help')
  const usage = [
    words.join(' '),
    ...(own.length > 0 ? ['[options]'] : []),
    ...command.arguments.map(({ name, required, variadic }) => {
      const shown = variadic ? `${name}...` : name
      return required ? shown : `[${shown}]`
    }),
  ]
  if (command.commands.length > 0) {
    const head = [`.SS "${escapeRoff(words.join(' '))}"`, text(command.description)]
    return [...head, ...command.commands.map((child) => writeCommand(child, words))].join('\n')
  }
  const lines = [`.SS "${escapeRoff(usage.join(' '))}"`, text(command.description)]
  for (const argument of command.arguments) {
    if (argument.choices.length === 0 && argument.description === '') continue
    lines.push('.TP', `.I ${escapeRoff(argument.name)}`, text(withChoices(argument)))
  }
  return [...lines, ...own.map(writeOption)].join('\n')
}

function writeOption(option) {
  const known =
    option.default === null || option.description.includes('(default') ? '' : ` (default: ${option.default})`
  return ['.TP', `.B "${escapeRoff(option.flags)}"`, text(`${withChoices(option)}${known}`)].join('\n')
}

function withChoices({ description, choices }) {
  return choices.length === 0 ? description : `${description}: ${choices.join(', ')}`.replace(/^: /, '')
}

/** A sentence as a text line. A line that begins with a dot or a quote would be read as a request. */
function text(words) {
  const escaped = escapeRoff(words).replaceAll(/`([^`]*)`/g, '\\fB$1\\fR')
  return escaped === '' ? '\\&' : escaped.replace(/^[.']/, '\\&$&')
}

/** Escapes characters with a meaning in roff; a minus can then be copied. */
function escapeRoff(words) {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('"', '\\(dq')
    .replaceAll('’', '\\(cq')
    .replaceAll("'", '\\(aq')
    .replaceAll('…', '\\&...')
}
