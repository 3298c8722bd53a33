import type { ConfigText } from '../../../syntax/config-text.ts'
import type { Left } from '../router.ts'
import { shorten } from '../router.ts'

/** A line of the configuration that says something. */
export interface Line {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly words: readonly string[]
  readonly isIndented: boolean
}

export function* readLines({ file, text }: ConfigText): Generator<Line> {
  let number = 0
  for (let start = 0; start <= text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    number += 1
    const line = text.slice(start, Math.min(end, start + longestLine))
    start = end + 1
    const words = line.trim().split(/\s+/)
    if (words[0] === '' || /^[!#]/.test(words[0]!)) continue
    yield { file, line: number, words, isIndented: /^\s/.test(line) }
  }
}

/** bgpd itself reads no longer lines. */
const longestLine = 4096

const secretWords =
  /^(?:password|secret|md5|ao|key-string|message-digest-key|authentication-key|authentication|community|.*-password|username)$/

/** The line without what follows a word such as `password`. */
export function printLine({ words }: Line): string {
  const at = words.findIndex((word) => secretWords.test(word))
  return shorten(
    at === -1 || at === words.length - 1 ? words.join(' ') : [...words.slice(0, at + 1), '…'].join(' '),
  )
}

export function leftOf(line: Line, reason: string): Left {
  return { file: line.file, line: line.line, text: printLine(line), reason }
}
