import { distance } from 'fastest-levenshtein'

const longestQuote = 60

/** A value as shown in a message: in quotes, shortened, and without control characters for a terminal. */
export function quote(text: string, longest = longestQuote): string {
  const shown = text.length > longest ? `${text.slice(0, longest)}…` : text
  return JSON.stringify(shown).replace(
    // DEL and C1 reach terminals as commands; the others reorder or hide the text around them.
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The same without the quotes. */
export function visible(text: string, longest = longestQuote): string {
  return quote(text, longest).slice(1, -1)
}

/**
 * The same value, with a space for each control character in its texts: on a terminal they move the cursor, or hide what
 * follows. The lines of a stack stay.
 */
export function withoutControls<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (key, part: unknown) => {
    if (typeof part !== 'string') return part
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced
    return part.replace(key === 'stack' ? /[\0-\t\v-\x1f\x7f-\x9f]/g : /[\0-\x1f\x7f-\x9f]/g, ' ')
  }) as T
}

/** `a, b or c`. */
export function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

/** The most similar known word: at most a third of its letters differ, or they are in another order. */
export function nearestWord(word: string, known: readonly string[]): string | null {
  if (word.length > 64) return null
  let nearest: string | null = null
  let nearestDistance = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const letters =
      lettersOf(word) === lettersOf(candidate) ? 1 : distance(word.toLowerCase(), candidate.toLowerCase())
    if (letters < nearestDistance && letters <= Math.max(1, Math.floor(candidate.length / 3))) {
      nearest = candidate
      nearestDistance = letters
    }
  }
  return nearest
}

function lettersOf(word: string): string {
  return word.toLowerCase().split('').sort().join('')
}

export type Path = readonly (string | number)[]

/** `nodes[0].neighbors[1].address`. */
export function formatPath(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (!/^[\w-]{1,64}$/.test(step)) text += `[${quote(step)}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}
