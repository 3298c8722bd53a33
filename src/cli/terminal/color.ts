import { styleText } from 'node:util'
import { hasColor } from '../../text/color.ts'

/** Colors a word of a status; the text is the same without color. */
export type Paint = (word: string) => string

const colors = new Map([
  ...['healthy', 'announce', 'up'].map((word) => [word, 'green'] as const),
  ...['impaired', 'degrade', 'hold', 'unknown'].map((word) => [word, 'yellow'] as const),
  ...['unhealthy', 'withdraw', 'down', 'missing', 'NOT', '!'].map((word) => [word, 'red'] as const),
])

export const plain: Paint = (word) => word

/** A cell of a table may have spaces around the word. */
const paintWord: Paint = (word) => {
  const color = colors.get(word.trim())
  // `hasColor` has decided; Node would ask stdout.
  return color === undefined ? word : styleText(color, word, { validateStream: false })
}

export function paintFor(stream: { readonly isTTY?: boolean }): Paint {
  return hasColor(stream, process.env) ? paintWord : plain
}
