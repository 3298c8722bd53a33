import { OperationError } from '../../../text/operation-error.ts'
import type { ConfigText, Place } from '../router.ts'

export interface Token extends Place {
  readonly kind: 'word' | 'string' | 'punctuation'
  /** Of a string, without its quotes. */
  readonly text: string
  /** Whether blanks or a comment stand before it. */
  readonly spaced: boolean
}

/** The files that an `include` names, read. An empty list: there is none. */
export type ReadIncluded = (pattern: string, from: Place) => readonly ConfigText[]

/** As in BIRD itself. */
const deepestInclude = 8

/**
 * The tokens of a bird.conf and of the files that it includes. Not all of the language: a word is a run of letters, digits
 * and `_ . :`, so addresses and numbers are words too. Throws OperationError where BIRD would refuse the file as well.
 */
export function* readTokens(
  { file, text }: ConfigText,
  readIncluded: ReadIncluded,
  outer: readonly string[] = [],
): Generator<Token> {
  if (outer.length > deepestInclude || outer.includes(file)) {
    throw refuse({ file, line: 1 }, 'is included by itself, or the files include each other too deeply')
  }
  /** The first words of a line, where `include` is understood: BIRD reads it before anything else. */
  let pending: Token[] = []
  for (const token of scan(file, text)) {
    const before = pending.at(-1)
    if (before === undefined) {
      if (token.kind === 'word' && token.text === 'include' && isFirstOnLine(text, token.offset)) {
        pending = [token]
      } else yield token
      continue
    }
    if (pending.length === 1 && token.kind === 'string') {
      pending.push(token)
      continue
    }
    if (pending.length === 2 && token.text === ';') {
      for (const included of readIncluded(before.text, { file, line: before.line })) {
        yield* readTokens(included, readIncluded, [...outer, file])
      }
      pending = []
      continue
    }
    yield* pending
    pending = []
    yield token
  }
  yield* pending
}

interface PlacedToken extends Token {
  readonly offset: number
}

const lexemes =
  /(?<space>[ \t\r\v\f]+)|(?<newline>\n)|(?<line>#[^\n]*)|(?<open>\/\*)|(?<word>[A-Za-z0-9_.:]+)|(?<string>"[^"\n]*")|(?<symbol>'[^'\n]*')|(?<other>[\s\S])/gy

function* scan(file: string, text: string): Generator<PlacedToken> {
  const pattern = new RegExp(lexemes)
  let line = 1
  let spaced = true
  for (;;) {
    const offset = pattern.lastIndex
    const match = pattern.exec(text)
    if (match === null) return
    const { space, newline, line: comment, open, word, string, symbol } = match.groups!
    if (space !== undefined || comment !== undefined) {
      spaced = true
      continue
    }
    if (newline !== undefined) {
      line += 1
      spaced = true
      continue
    }
    if (open !== undefined) {
      const end = text.indexOf('*/', offset + 2)
      if (end === -1) throw refuse({ file, line }, 'begins a comment that does not end: */ is missing')
      for (let at = text.indexOf('\n', offset); at !== -1 && at < end; at = text.indexOf('\n', at + 1))
        line += 1
      pattern.lastIndex = end + 2
      spaced = true
      continue
    }
    const at = { file, line, spaced, offset }
    spaced = false
    if (string !== undefined) yield { ...at, kind: 'string', text: string.slice(1, -1) }
    else if (symbol !== undefined) yield { ...at, kind: 'word', text: symbol.slice(1, -1) }
    else if (word !== undefined) yield { ...at, kind: 'word', text: word }
    else {
      const character = match[0]
      if (character === '"' || character === "'")
        throw refuse({ file, line }, `has a ${character} without its other half`)
      yield { ...at, kind: 'punctuation', text: character }
    }
  }
}

function isFirstOnLine(text: string, offset: number): boolean {
  let at = offset
  while (at > 0 && (text[at - 1] === ' ' || text[at - 1] === '\t')) at -= 1
  return at === 0 || text[at - 1] === '\n'
}

export function refuse({ file, line }: Place, problem: string): OperationError {
  return new OperationError(`${file}:${line} ${problem}`, {
    hint: 'BIRD refuses such a file too: check it with bird -p -c FILE',
  })
}
