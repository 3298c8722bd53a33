import type { BirdToken } from '../../../syntax/bird-tokens.ts'

/** What `define` gives a name to, as far as it is one word or one string. */
export type Constants = ReadonlyMap<string, BirdToken>

/** The value of a word: itself, or that of the constant of this name. */
export function textOf(token: BirdToken | undefined, constants: Constants): string | null {
  if (token === undefined || token.kind === 'punctuation') return null
  return token.kind === 'word' ? (constants.get(token.text)?.text ?? token.text) : token.text
}

export function numberOf(token: BirdToken | undefined, constants: Constants): number | null {
  const value = textOf(token, constants)
  return value !== null && /^\d{1,10}$/.test(value) ? Number(value) : null
}

/** `500 ms`, `1 s`, `30`: in milliseconds. */
export function timeOf(tokens: readonly BirdToken[], constants: Constants): number | null {
  const amount = numberOf(tokens[0], constants)
  if (amount === null || tokens.length > 2) return null
  const unit = { us: 1 / 1000, ms: 1, s: 1000 }[tokens[1]?.text ?? 's']
  return unit === undefined ? null : amount * unit
}

/** `on`, `yes` or nothing; `off` and `no` are false. */
export function switchOf(token: BirdToken | undefined): boolean | null {
  if (token === undefined || token.text === 'on' || token.text === 'yes') return true
  return token.text === 'off' || token.text === 'no' ? false : null
}
