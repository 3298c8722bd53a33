import { styleText } from 'node:util'

/** Colors a word of a status; the text is the same without color. */
export type Paint = (word: string) => string

/** https://no-color.org first, then FORCE_COLOR; otherwise a terminal that is not dumb. */
export function hasColor(stream: { readonly isTTY?: boolean }, env = process.env): boolean {
  if ((env.NO_COLOR ?? '') !== '') return false
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false'
  return canRedraw(stream, env)
}

/** Whether the cursor can be moved there. */
export function canRedraw({ isTTY }: { readonly isTTY?: boolean }, env = process.env): boolean {
  return isTTY === true && env.TERM !== 'dumb'
}

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
  return hasColor(stream) ? paintWord : plain
}
