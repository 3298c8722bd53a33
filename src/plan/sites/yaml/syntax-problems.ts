import { findLineProblem, type LineProblem } from './lines.ts'

/** As the library reports it. */
export interface SyntaxProblem {
  readonly code: string
  readonly pos: readonly [start: number, end: number]
}

/** The messages of the library can contain the text, so only its codes are used. */
const syntaxProblems: Record<string, readonly [message: string, hint: string | null]> = {
  ALIAS_PROPS: ['an alias (*) has an anchor or a tag of its own', 'leave that out'],
  BAD_DIRECTIVE: ['a line that begins with % is not supported', 'leave it out'],
  BAD_DQ_ESCAPE: [
    'a backslash in double quotes precedes a character that it cannot escape',
    'use single quotes',
  ],
  BAD_INDENT: [
    'the indentation is inconsistent',
    'indent all entries of a map or list equally, and check above for an unclosed bracket',
  ],
  BAD_SCALAR_START: ['a value cannot begin with this character', 'put the value in quotes'],
  BLOCK_AS_IMPLICIT_KEY: ['a map begins inside a value', 'put a value with a colon and a space in quotes'],
  BLOCK_IN_FLOW: ['a block begins inside { } or [ ]', 'close the bracket first'],
  MISSING_CHAR: [
    'a quote, colon, comma or dash is missing',
    'check here, and above for an unclosed quote or bracket',
  ],
  MULTILINE_IMPLICIT_KEY: ['a key spans more than one line', 'look for a missing colon on this line'],
  MULTIPLE_DOCS: ['a second document begins here', 'keep one document per file, without --- in the middle'],
  TAB_AS_INDENT: ['there is a tab in the indentation', 'indent with spaces: YAML refuses tabs'],
  TAG_RESOLVE_FAILED: ['a tag (!) is not supported here', 'leave the tag out'],
  UNEXPECTED_TOKEN: ['unexpected syntax', 'look for a missing quote, comma, colon or line break'],
}
/** Codes that usually follow from an earlier error. */
const followUps = new Set([
  'BAD_INDENT',
  'BLOCK_AS_IMPLICIT_KEY',
  'MULTILINE_IMPLICIT_KEY',
  'UNEXPECTED_TOKEN',
  'MISSING_CHAR',
])

/** Whether it usually follows from an earlier error. */
export function isFollowUp(code: string): boolean {
  return followUps.has(code)
}

export function describeSyntax(text: string, { code, pos }: SyntaxProblem): LineProblem {
  const line = isFollowUp(code) ? findLineProblem(text, pos[0]) : null
  if (line !== null) return line
  const [message, hint] = syntaxProblems[code] ?? [`is not valid YAML (${code})`, null]
  return { offset: pos[0], message, hint }
}
