import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** A token's SHA-256, with the name of who has it. */
interface NamedHash {
  readonly name: string
  readonly hash: Buffer
}

export interface Tokens {
  readonly tokens: readonly NamedHash[]
  /** What is wrong with a line: the others count. `null`: nothing. */
  readonly problem: string | null
}

const mostTokens = 100
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/
const hashPattern = /^[0-9a-f]{64}$/

export function isTokenName(name: string): boolean {
  return namePattern.test(name)
}

/** 256 random bits: it can be used in a header as it is. */
export function createToken(): string {
  return randomBytes(32).toString('base64url')
}

/** Who reads the file has no token. */
export function lineOf(name: string, token: string): string {
  return `${name} ${hashOf(token).toString('hex')}`
}

/** Reads lines of `NAME HASH`. Empty lines, and what follows a `#` at the beginning of a line, are ignored. */
export function readTokens(text: string): Tokens {
  const tokens: NamedHash[] = []
  let problem: string | null = null
  for (const [at, line] of text.split('\n').entries()) {
    const words = line.trim()
    if (words === '' || words.startsWith('#')) continue
    const [name, hash, more] = words.split(/\s+/)
    // The line is not shown: it may be the token itself.
    if (!namePattern.test(name!) || !hashPattern.test(hash ?? '') || more !== undefined)
      problem ??= `line ${at + 1} is not a name and a hash: make lines with \`anyward token NAME\``
    else if (tokens.length === mostTokens) problem ??= `there are more than ${mostTokens} tokens`
    else tokens.push({ name: name!, hash: Buffer.from(hash!, 'hex') })
  }
  if (tokens.length === 0) problem ??= 'it has no token: make one with `anyward token NAME`'
  return { tokens, problem }
}

/** The name of who has this token. All are compared, each in constant time. */
export function ownerOf(token: string, tokens: readonly NamedHash[]): string | null {
  const hash = hashOf(token)
  let owner: string | null = null
  for (const one of tokens) if (timingSafeEqual(hash, one.hash)) owner = one.name
  return owner
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest()
}
