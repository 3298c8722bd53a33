import { stripVTControlCharacters } from 'node:util'

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the sequences that color text
const color = /(\u001b\[[\d;]*m)/
// biome-ignore lint/suspicious/noControlCharactersInRegex: and these are all others
const controls = /\u001b\[[\d;]*m|[\0-\u001f\u007f-\u009f]+/g

/**
 * Lines for a terminal of that size: prose is wrapped, with the indent of its first line, and the rows of a table are
 * cut. What has no room below is counted in the last line. Counts characters, some of which a terminal shows wider.
 */
export function fitLines(lines: readonly string[], columns: number, rows: number): string[] {
  const fitted = lines.flatMap((line) => fitLine(withoutControls(line), Math.max(20, columns)))
  if (fitted.length <= rows) return fitted
  const shown = Math.max(0, rows - 1)
  return [...fitted.slice(0, shown), `… ${fitted.length - shown} more lines: enlarge the terminal`]
}

/** A line break or a cursor movement in a message would misplace all that follows. */
function withoutControls(line: string): string {
  return line.replace(controls, (found) => (color.test(found) ? found : ' '))
}

function fitLine(line: string, columns: number): string[] {
  if (lengthOf(line) <= columns) return [line]
  const isRow = /\S {2,}\S/.test(stripVTControlCharacters(line).trimStart())
  return isRow ? [cut(line, columns)] : wrap(line, columns)
}

function wrap(line: string, columns: number): string[] {
  const indent = /^[ !]*/.exec(stripVTControlCharacters(line))![0].length
  const wrapped: string[] = []
  let current = ''
  for (const word of line.trimStart().split(' ')) {
    const start = current === '' ? line.slice(0, line.length - line.trimStart().length) : `${current} `
    if (current === '' || lengthOf(start) + lengthOf(word) <= columns) current = start + word
    else {
      wrapped.push(current)
      current = `${' '.repeat(indent + 2)}${word}`
    }
  }
  // A word may be longer than a line.
  return [...wrapped, current].map((part) => cut(part, columns))
}

/** Cuts text, and keeps its color sequences. */
export function cut(text: string, columns: number): string {
  if (lengthOf(text) <= columns) return text
  let left = columns - 1
  const parts = text.split(color).map((part) => {
    if (color.test(part)) return part
    const kept = Array.from(part).slice(0, left)
    left -= kept.length
    return kept.join('')
  })
  return `${parts.join('')}…`
}

function lengthOf(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length
}
