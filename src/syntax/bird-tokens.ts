import { OperationError } from '../text/operation-error.ts'
import type { ConfigText, Place } from './config-text.ts'

export interface BirdToken extends Place {
  readonly kind: 'word' | 'string' | 'punctuation'
  /** Of a string, without its quotes. */
  readonly text: string
  /** Whether blanks or a comment stand before it. */
  readonly spaced: boolean
}

/**
 * The files that an `include` names, read. An empty list: there is none. `null`: they cannot be read, and the `include`
 * stays a statement.
 */
export type ReadIncluded = (pattern: string, from: Place) => readonly ConfigText[] | null

/** What to do about text that BIRD refuses: throw, or read on as well as possible. */
export type OnProblem = (place: Place, problem: string) => void

/** Throws an OperationError. */
export const refuse: OnProblem = ({ file, line }, problem) => {
  throw new OperationError(`${file}:${line} ${problem}`, {
    hint: 'BIRD refuses such a file too: check it with bird -p -c FILE',
  })
}

/** Reads on: a running BIRD finds the errors of its own configuration. */
export const ignore: OnProblem = () => {}

/** As in BIRD itself. */
export const deepestInclude = 8

/**
 * The tokens of a bird.conf and of the files that it includes. Not all of the language: a word is a run of letters, digits
 * and `_ . :`, so addresses and numbers are words too.
 */
export function* readBirdTokens(
  { file, text }: ConfigText,
  readIncluded: ReadIncluded,
  onProblem: OnProblem = refuse,
  outer: readonly string[] = [],
): Generator<BirdToken> {
  if (outer.length > deepestInclude || outer.includes(file)) {
    onProblem({ file, line: 1 }, 'is included by itself, or the files include each other too deeply')
    return
  }
  for (const part of splitIncludes(scanBird({ file, text }, onProblem))) {
    if (!('pattern' in part)) yield part
    else {
      const files = readIncluded(part.pattern, part.tokens[0]!)
      if (files === null) yield* part.tokens
      else {
        for (const included of files) {
          yield* readBirdTokens(included, readIncluded, onProblem, [...outer, file])
        }
      }
    }
  }
}

/** The `include` lines of one file, in order. Of text that BIRD refuses, as far as it can be read. */
export function findBirdIncludes(text: string): { readonly pattern: string; readonly inBlock: boolean }[] {
  let depth = 0
  const found: { pattern: string; inBlock: boolean }[] = []
  for (const part of splitIncludes(scanBird({ file: '', text }, ignore))) {
    if ('pattern' in part) found.push({ pattern: part.pattern, inBlock: depth > 0 })
    else if (part.kind === 'punctuation' && part.text === '{') depth += 1
    else if (part.kind === 'punctuation' && part.text === '}') depth -= 1
  }
  return found
}

interface Include {
  readonly pattern: string
  readonly tokens: readonly BirdToken[]
}

/** BIRD reads `include "PATTERN";` before anything else, where it begins a line. */
function* splitIncludes(tokens: Iterable<LineToken>): Generator<BirdToken | Include> {
  let pending: BirdToken[] = []
  for (const token of tokens) {
    const { kind, text, isFirst } = token
    if (pending.length === 1 && kind === 'string') pending.push(token)
    else if (pending.length === 2 && kind === 'punctuation' && text === ';') {
      yield { pattern: pending[1]!.text, tokens: [...pending, token] }
      pending = []
    } else {
      yield* pending
      pending = []
      if (isFirst && kind === 'word' && text === 'include') pending.push(token)
      else yield token
    }
  }
  yield* pending
}

interface LineToken extends BirdToken {
  /** Whether only blanks stand before it on its line. */
  readonly isFirst: boolean
}

const lexemes =
  /(?<space>[ \t\r\v\f]+)|(?<newline>\n)|(?<line>#[^\n]*)|(?<open>\/\*)|(?<word>[A-Za-z0-9_.:]+)|(?<string>"[^"\n]*")|(?<symbol>'[^'\n]*')|(?<other>[\s\S])/gy

/** The tokens of one file. An `include` is a word. */
export function* scanBird({ file, text }: ConfigText, onProblem: OnProblem = refuse): Generator<LineToken> {
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
      if (end === -1) {
        onProblem({ file, line }, 'begins a comment that does not end: */ is missing')
        return
      }
      for (let at = text.indexOf('\n', offset); at !== -1 && at < end; at = text.indexOf('\n', at + 1))
        line += 1
      pattern.lastIndex = end + 2
      spaced = true
      continue
    }
    const at = { file, line, spaced, isFirst: isFirstOnLine(text, offset) }
    spaced = false
    if (string !== undefined) yield { ...at, kind: 'string', text: string.slice(1, -1) }
    else if (symbol !== undefined) yield { ...at, kind: 'word', text: symbol.slice(1, -1) }
    else if (word !== undefined) yield { ...at, kind: 'word', text: word }
    else {
      const character = match[0]
      if (character === '"' || character === "'") {
        onProblem({ file, line }, `has a ${character} without its other half`)
      }
      yield { ...at, kind: 'punctuation', text: character }
    }
  }
}

function isFirstOnLine(text: string, offset: number): boolean {
  let at = offset
  while (at > 0 && (text[at - 1] === ' ' || text[at - 1] === '\t')) at -= 1
  return at === 0 || text[at - 1] === '\n'
}
