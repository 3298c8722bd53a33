import { CST, Lexer } from 'yaml'

/** Levels of brackets, and value indicators on one line of a block. */
const deepestBrackets = 32
/** A level of a block needs a column of its own, so this bounds those. */
const widestIndent = 128

/**
 * The offset where a document nests deeper than any fleet does, or `null`.
 * The YAML library composes by recursion, and near the end of the stack a regular expression that V8 has yet to
 * compile ends the whole process (`RegExpCompiler Allocation failed`), which nothing can catch.
 */
export function findDeepNesting(text: string): number | null {
  let offset = 0
  let lineStart = 0
  let brackets = 0
  let valuesOnLine = 0
  let isFirstOnLine = true
  for (const token of new Lexer().lex(text)) {
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
      brackets === 0 && (type === 'seq-item-ind' || type === 'explicit-key-ind' || (isFirstOnLine && type !== 'space'))
    if (
      brackets > deepestBrackets ||
      valuesOnLine > deepestBrackets ||
      (opensBlock && type !== 'newline' && offset - lineStart > widestIndent)
    ) {
      return offset
    }
    isFirstOnLine = type === 'newline' || (isFirstOnLine && type === 'space')
    offset += token.length
  }
  return null
}
