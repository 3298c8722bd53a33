import { CST, Lexer } from 'yaml'

/** Levels of brackets, and value indicators on one line of a block. */
const deepestBrackets = 32
/** A level of a block needs a column of its own, so this bounds those. */
const widestIndent = 128
/** Some 2,500 neighbors. The YAML library takes some 25 µs for each. */
const mostTokens = 200_000

export interface Excess {
  readonly offset: number
  readonly message: string
  readonly hint: string
}

/**
 * Where a document goes beyond what any fleet needs, or `null`.
 * The YAML library composes by recursion, and near the end of the stack a regular expression that V8 has yet to
 * compile ends the whole process (`RegExpCompiler Allocation failed`), which nothing can catch.
 */
export function findExcess(text: string): Excess | null {
  let tokens = 0
  let offset = 0
  let lineStart = 0
  let brackets = 0
  let valuesOnLine = 0
  let isFirstOnLine = true
  for (const token of new Lexer().lex(text)) {
    tokens += 1
    if (tokens > mostTokens) {
      return { offset, message: 'has too many entries for one file', hint: 'split the site in two' }
    }
    const type = CST.tokenType(token)
    switch (type) {
      case 'byte-order-mark':
      case 'doc-mode':
      case 'flow-error-end':
      case 'scalar':
        // Signals of the lexer: not text, but a mark of what follows.
        continue
      case 'newline':
        lineStart = offset + token.length
        valuesOnLine = 0
        break
      case 'flow-map-start':
      case 'flow-seq-start':
        brackets += 1
        break
      case 'flow-map-end':
      case 'flow-seq-end':
        brackets -= 1
        break
      case 'map-value-ind':
        if (brackets === 0) valuesOnLine += 1
        break
      default:
        break
    }
    const opensBlock =
      brackets === 0 &&
      (type === 'seq-item-ind' || type === 'explicit-key-ind' || (isFirstOnLine && type !== 'space'))
    if (
      brackets > deepestBrackets ||
      valuesOnLine > deepestBrackets ||
      (opensBlock && type !== 'newline' && offset - lineStart > widestIndent)
    ) {
      return { offset, message: 'is nested too deeply', hint: `at most ${deepestBrackets} levels are read` }
    }
    isFirstOnLine = type === 'newline' || (isFirstOnLine && type === 'space')
    offset += token.length
  }
  return null
}
