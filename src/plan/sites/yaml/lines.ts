export interface LineProblem {
  readonly offset: number
  readonly message: string
  readonly hint: string | null
}

/** A key, or an entry of a list, at the beginning of a line. */
const entry = /^( *)((?:- +)*)(?:-$|[A-Za-z_"'][^#:]*:(?= |$))/
/** Not an IPv6 address. */
const noSpace = /^ *(?:- +)*(?![0-9a-f]{1,4}:)[A-Za-z][\w-]*:[^\s:/]/
/** The value is in the lines below, or goes on there. */
const goesOn = /(?:[:,[{|>+-]|- *)$/

/**
 * What is wrong with the line at which the parser stops, or with the next one, as far as its indentation and that of the
 * lines above show it: the parser stops where the structure is broken, and calls it a missing character, or a map within a
 * value. `null`: nothing that is certain.
 */
export function findLineProblem(text: string, offset: number): LineProblem | null {
  const lines = text.split('\n')
  const at = text.slice(0, offset).split('\n').length - 1
  if (noSpace.test(lines[at]!)) {
    const message = 'there is no space after the colon of a key'
    return { offset: startOf(lines, at), message, hint: 'write one, or put the value in quotes' }
  }
  const next = lines.findIndex((line, index) => index > at && hasContent(line))
  return findIndentProblem(lines, at) ?? (next === -1 ? null : findIndentProblem(lines, next))
}

function findIndentProblem(lines: readonly string[], at: number): LineProblem | null {
  const own = entry.exec(lines[at]!)
  if (own === null) return null
  const above = lines.slice(0, at).filter(hasContent).map(withoutComment)
  const last = above.at(-1)
  if (last === undefined) return null
  const indent = own[1]!.length
  const isItem = own[2] !== '' || lines[at]!.trim() === '-'
  const levels = openLevels(above)
  const deepest = levels.at(-1)?.indent ?? 0
  const problem = (others: string, hint: string): LineProblem => ({
    offset: startOf(lines, at) + indent,
    message: `this line is indented by ${indent} ${indent === 1 ? 'space' : 'spaces'}, and ${others}`,
    hint,
  })
  if (indent > deepest) {
    if (goesOn.test(last)) return null
    return problem(`the entry above it, which has a value, by ${deepest}`, 'indent both equally')
  }
  if (levels.some((level) => level.indent === indent && (isItem || !level.isItem))) return null
  // A list may be indented as its key is.
  const keys = levels.filter((level) => !level.isItem).map((level) => level.indent)
  const [less, more] = [keys.findLast((one) => one < indent), keys.find((one) => one > indent)]
  const around = [less, more].filter((one) => one !== undefined)
  if (around.length === 0) return null
  return problem(
    `the entries above it by ${around.join(' or ')}`,
    'indent it as the entry that it stands beside',
  )
}

interface Level {
  readonly indent: number
  /** Of dashes, not of keys. */
  readonly isItem: boolean
}

/** The indentations of the maps and lists that are open behind these lines, the innermost last. */
function openLevels(lines: readonly string[]): Level[] {
  const levels: Level[] = []
  for (const line of lines) {
    const [, spaces = '', dashes = ''] = entry.exec(line) ?? []
    if (!entry.test(line)) continue
    while (levels.length > 0 && levels.at(-1)!.indent > spaces.length) levels.pop()
    const open = (indent: number, isItem: boolean) => {
      if (!levels.some((level) => level.indent === indent && level.isItem === isItem)) {
        levels.push({ indent, isItem })
      }
    }
    if (dashes !== '') open(spaces.length, true)
    open(spaces.length + dashes.length, false)
  }
  return levels
}

function hasContent(line: string): boolean {
  return /^ *[^ #\r]/.test(line) && !/^(?:---|%)/.test(line)
}

function withoutComment(line: string): string {
  return line.replace(/ #.*$/, '').trimEnd()
}

function startOf(lines: readonly string[], at: number): number {
  return lines.slice(0, at).reduce((sum, line) => sum + line.length + 1, 0)
}
