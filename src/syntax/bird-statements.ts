import { type BirdToken, type OnProblem, refuse } from './bird-tokens.ts'
import type { Place } from './config-text.ts'

/** What ends with `;` or with a block. */
export interface BirdStatement {
  readonly place: Place
  /** The tokens before the block or the `;`, as many as are kept. */
  readonly tokens: readonly BirdToken[]
  /** `null`: it has no block, or one that is skipped. */
  readonly block: readonly BirdStatement[] | null
  readonly hasBlock: boolean
}

/** Enough for every statement that is read, and for a prefix list's beginning. */
const mostTokens = 64
const deepestNesting = 1000
/** Blocks that are read are this deep at most: protocol, channel, options. */
const deepestBlock = 4

/** The statements of a file, one at a time: a file may have megabytes of filters, whose blocks are skipped. */
export function* readBirdStatements(
  tokens: Iterator<BirdToken>,
  keepsBlock: (head: readonly BirdToken[]) => boolean,
  onProblem: OnProblem = refuse,
): Generator<BirdStatement> {
  const reading = { tokens, onProblem }
  for (;;) {
    const statement = readStatement(reading, keepsBlock, null)
    if (statement === null) return
    if (statement !== 'end') yield statement
  }
}

interface Reading {
  readonly tokens: Iterator<BirdToken>
  readonly onProblem: OnProblem
}

/** `null`: the tokens have ended; `end`: the block that `open` began has. */
function readStatement(
  reading: Reading,
  keepsBlock: (head: readonly BirdToken[]) => boolean,
  open: BirdToken | null,
  depth = 0,
): BirdStatement | 'end' | null {
  const { tokens, onProblem } = reading
  const head: BirdToken[] = []
  let first: BirdToken | null = null
  let block: readonly BirdStatement[] | null = null
  let hasBlock = false
  const finish = (): BirdStatement => ({ place: first!, tokens: head, block, hasBlock })
  for (;;) {
    const step = tokens.next()
    if (step.done === true) {
      if (open !== null) onProblem(open, 'has a { without its }')
      if (first === null) return null
      onProblem(first, 'begins a statement that does not end: ; is missing')
      return finish()
    }
    const token = step.value
    if (isPunctuation(token, '}')) {
      if (open === null) onProblem(token, 'has a } without its {')
      if (first !== null) onProblem(first, 'begins a statement that does not end: ; is missing')
      return 'end'
    }
    if (isPunctuation(token, ';')) {
      // After the block of a protocol it is optional.
      if (first === null) continue
      return finish()
    }
    first ??= token
    if (isPunctuation(token, '{')) {
      hasBlock = true
      if (keepsBlock(head) && depth < deepestBlock) {
        const inner: BirdStatement[] = []
        for (;;) {
          const statement = readStatement(reading, () => true, token, depth + 1)
          if (statement === 'end' || statement === null) break
          inner.push(statement)
        }
        block = inner
      } else skipBrackets(reading, token)
      // A block ends its statement; what may follow it, a `;`, is skipped before the next one.
      return finish()
    }
    if (head.length < mostTokens) head.push(token)
    if (isPunctuation(token, '(') || isPunctuation(token, '[')) skipBrackets(reading, token)
  }
}

const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

/** Skips to the bracket that closes this one. */
function skipBrackets({ tokens, onProblem }: Reading, open: BirdToken): void {
  const expected = [closing[open.text]!]
  while (expected.length > 0) {
    const step = tokens.next()
    if (step.done === true) {
      onProblem(open, `has a ${open.text} without its ${closing[open.text]}`)
      return
    }
    const token = step.value
    if (token.kind !== 'punctuation') continue
    const close = closing[token.text]
    if (close !== undefined) {
      if (expected.length === deepestNesting) {
        onProblem(token, `nests more than ${deepestNesting} brackets`)
      }
      expected.push(close)
    } else if (token.text === expected.at(-1)) expected.pop()
    else if (token.text === ')' || token.text === ']' || token.text === '}') {
      onProblem(token, `has a ${token.text} where ${expected.at(-1)} is expected`)
    }
  }
}

export function isPunctuation(token: BirdToken | undefined, text: string): boolean {
  return token?.kind === 'punctuation' && token.text === text
}

const secret = /password|secret|key|authentication/i

/** One line that shows what the statement is; strings behind a word such as `password` are left out. */
export function printBirdStatement({ tokens, hasBlock }: BirdStatement): string {
  let text = ''
  let hidden = false
  for (const { kind, text: value, spaced } of tokens) {
    if (text !== '' && spaced) text += ' '
    hidden ||= kind === 'word' && secret.test(value)
    text += kind !== 'string' ? value : hidden ? '"…"' : `"${value}"`
    if (kind === 'punctuation' && (value === '[' || value === '(')) text += `…${closing[value]}`
  }
  return hasBlock ? `${text} { … }`.trimStart() : text
}
