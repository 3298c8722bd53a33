import { anyText, list, optional, pattern, readJson, record, whole, word, yesNo } from '../../text/shape.ts'
import type { Register } from '../permit/register.ts'

export interface Entry {
  readonly well: boolean
  /** Makes each value of an entry unique, so that a late write finds another one than it compares. */
  readonly nonce: string
}

export interface Beat {
  /** Rises with each beat of the node, also over its restarts. */
  readonly number: number
  /** The services that are well. */
  readonly well: readonly string[]
}

const entry = record({ well: yesNo, nonce: anyText(100) })
const beat = record({ number: whole(0, Number.MAX_SAFE_INTEGER), well: list(anyText(100), 1000) })
const holder = record({
  ...{ site: anyText(100), node: anyText(200), nonce: anyText(100) },
  ...{ cause: word('permit', 'fact', 'order'), reason: anyText(100) },
  since: optional(pattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'is not a time', 24)),
})
const register = list(holder, 10_000)

/** The readers return `null` for what does not fit, such as a format of a later version. */
export const readEntry = (text: string): Entry | null => readJson(entry, text)
export const readBeat = (text: string): Beat | null => readJson(beat, text)
export const readRegister = (text: string): Register | null => readJson(register, text)
