import { CST, Lexer } from 'yaml'

/** Levels of brackets, and value indicators on one line of a block. */
const deepestBrackets = 32
/** A level of a block needs a column of its own, so this bounds those. */
const widestIndent = 128
/** Some 2,500 neighbors. The YAML library takes some 25 µs for each. */
const mostTokens = 200_000

interface Excess {
  readonly offset: number
  readonly message: string
  readonly hint: string
}

/**
 * Splits a text into tokens for the parser, or reports where it exceeds the limits.
 * The YAML library composes by recursion. Near the end of the stack, V8 aborts the process when it compiles a regular
 * expression (`RegExpCompiler Allocation failed`), and no handler can catch that.
 */
export function lexWithinLimits(
  text: string,
): { ok: true; tokens: readonly string[] } | { ok: false; excess: Excess } {
  const tokens: string[] = []
  let offset = 0
  let lineStart = 0
  let brackets = 0
  let valuesOnLine = 0
  let isFirstOnLine = true
  const refuse = (message: string, hint: string) => ({
    ok: false as const,
    excess: { offset, message, hint },
  })
  for (const token of new Lexer().lex(text)) {
    tokens.push(token)
    if (tokens.length > mostTokens) {
      return refuse('has too many entries for one file', 'split the site in two')
    }
    const type = CST.tokenType(token)
    switch (type) {
      case 'byte-order-mark':
      case 'doc-mode':
      case 'flow-error-end':
      case 'scalar':
        // Marks of the lexer, without text of their own.
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
      return refuse('is nested too deeply', `at most ${deepestBrackets} levels are read`)
    }
    isFirstOnLine = type === 'newline' || (isFirstOnLine && type === 'space')
    offset += token.length
  }
  return { ok: true, tokens }
}
