/** A statement of the top level of a BIRD configuration: `router id …;` or `protocol bgp up1 { … }`. */
export interface BirdStatement {
  /** The words before the block, or of the whole statement. Strings keep their double quotes. */
  readonly head: readonly string[]
  /** The words of the block, its own braces excluded; `null`: there is no block. */
  readonly body: readonly string[] | null
  /** Counted from 1. */
  readonly line: number
}

const pattern =
  /(?<skip>\s+|#[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<word>"[^"\n]*"?|'[^'\n]*'?|[{}();,[\]]|[^\s#"'{}();,[\]/]+|\/)/g

/** Splits a configuration into statements, as BIRD's lexer does. Never throws: the parser of BIRD finds the errors. */
export function readBirdStatements(text: string): BirdStatement[] {
  const statements: BirdStatement[] = []
  let head: string[] = []
  let body: string[] | null = null
  let depth = 0
  let line = 1
  let start = 1
  const end = () => {
    if (head.length > 0) statements.push({ head, body, line: start })
    head = []
    body = null
  }
  for (const { groups, 0: whole } of text.matchAll(pattern)) {
    const word = groups?.word
    if (word === undefined) {
      for (const character of whole) if (character === '\n') line += 1
      continue
    }
    if (head.length === 0 && depth === 0) start = line
    if (word === '{') {
      depth += 1
      if (depth === 1) body ??= []
      else body!.push(word)
    } else if (word === '}') {
      if (depth > 0) depth -= 1
      if (depth > 0) body!.push(word)
      else end()
    } else if (depth > 0) body!.push(word)
    else if (word === ';') end()
    else head.push(word)
  }
  end()
  return statements
}

/** The statements of a block's own level, nested blocks left out: `route 10.0.0.0/8 blackhole` as words. */
export function bodyStatements(body: readonly string[]): string[][] {
  const found: string[][] = []
  let words: string[] = []
  let depth = 0
  for (const word of body) {
    if (word === '{') depth += 1
    else if (word === '}') depth -= 1
    else if (depth === 0 && word === ';') {
      if (words.length > 0) found.push(words)
      words = []
    } else if (depth === 0) words.push(word)
  }
  if (words.length > 0) found.push(words)
  return found
}

/** A text for comparisons: without comments, white space, and empty statements. */
export function normalizeBird(text: string): string {
  return readBirdStatements(text)
    .map(({ head, body }) => [...head, ...(body === null ? [';'] : ['{', ...body, '}'])].join(' '))
    .join('\n')
}
