import * as z from 'zod'
import { namePattern } from '../../manifest/values.ts'
import { alternatives, nearestWord, quote } from '../../text/wording.ts'
import { OddNumber } from './yaml/numbers.ts'

/** `message` is the whole sentence, shown value and all. */
export type Reading<T> = { ok: true; value: T } | { ok: false; message: string; hint: string | null }

/** What a value looks like before it is read: JSON Schema, for editors and for the reference. */
export interface Shape {
  /** The kind of value in a few words, with its bounds. */
  readonly title: string
  readonly type: 'string' | 'integer' | 'boolean' | readonly ['integer', 'string']
  readonly pattern?: string
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly enum?: readonly string[]
}

/** A single value with its own error messages. `example` is written as in YAML. */
export function field<T>(example: string, shape: Shape, read: (raw: unknown) => Reading<T>) {
  const reader = z.unknown().transform((raw, context): T => {
    const reading: Reading<T> =
      raw === undefined
        ? { ok: false, message: 'is missing', hint: `write one, such as ${example}` }
        : raw === null
          ? { ok: false, message: 'has no value', hint: `write one, such as ${example}` }
          : read(raw)
    if (reading.ok) return reading.value
    context.issues.push({
      code: 'custom',
      input: raw,
      message: reading.message,
      params: { hint: reading.hint },
    })
    return z.NEVER
  })
  const { enum: words, type, ...rest } = shape
  const examples = [shape.type === 'string' ? example.replaceAll('"', '') : JSON.parse(example)]
  return reader.meta({
    ...rest,
    type: typeof type === 'string' ? type : [...type],
    ...(words === undefined ? { examples } : { enum: [...words] }),
  })
}

export function textField<T>(
  example: string,
  shape: Omit<Shape, 'type'>,
  read: (text: string) => Reading<T>,
) {
  return field<T>(example, { type: 'string', ...shape }, (raw) => {
    if (typeof raw === 'string') return read(raw)
    if (typeof raw !== 'number' && typeof raw !== 'boolean' && !(raw instanceof OddNumber)) {
      return {
        ok: false,
        message: `expected text, got ${describeValue(raw)}`,
        hint: isColonAccident(raw) ? 'put it in quotes: it ends in a colon' : `write one, such as ${example}`,
      }
    }
    const text = raw instanceof OddNumber ? raw.text : String(raw)
    const quoted = read(text)
    return {
      ok: false,
      message: `expected text, got ${describeValue(raw)}: quotes are missing`,
      hint: quoted.ok ? `write ${quote(text)}` : (quoted.hint ?? `write one, such as ${example}`),
    }
  })
}

/** `2001:db8::` in brackets reads as a map with an empty value. */
function isColonAccident(raw: unknown): boolean {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return false
  const values = Object.values(raw)
  return values.length === 1 && values[0] === null
}

/** Names become symbols in BIRD and FRR, file names and metric labels, and no template escapes them. */
export function nameField(example: string) {
  return textField(example, nameShape, readName)
}

export const nameShape = { title: 'name', pattern: namePattern.source, maxLength: 32 }

export function readName(text: string): Reading<string> {
  if (text.length <= 32 && namePattern.test(text)) return { ok: true, value: text }
  const cured = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[-0-9]+|-+$/g, '')
    .slice(0, 32)
    .replace(/-+$/, '')
  const rule = 'a name is at most 32 of a-z, 0-9 and single dashes, and begins with a letter'
  return {
    ok: false,
    message: `${quote(text)} is not a name`,
    hint: cured.length < 2 ? rule : `${rule}: ${cured}`,
  }
}

const descriptionPattern = /^[A-Za-z0-9.,:()_/@+ -]+$/

/** Templates do not escape, so characters that could end a string or a line in a configuration are refused. */
export const descriptionField = textField(
  '"Transit A, port 7"',
  { title: 'text', pattern: descriptionPattern.source, maxLength: 80 },
  (text) => {
    if (text.length > 80) {
      return { ok: false, message: `${quote(text)} is longer than 80 characters`, hint: null }
    }
    // A bundle's own mark for a secret, which would bring in a file of the node.
    if (text.includes('@anyward-')) {
      return {
        ok: false,
        message: `${quote(text)} contains "@anyward-", which is reserved for bundles`,
        hint: null,
      }
    }
    return descriptionPattern.test(text) && text.trim() === text
      ? { ok: true, value: text }
      : {
          ok: false,
          message: `${quote(text)} has characters with a meaning in a router's configuration`,
          hint: 'use letters, digits, spaces between words, and . , : ( ) _ / @ + -',
        }
  },
)

/** The value is never shown, valid or not: it may be the secret itself, written here by mistake. */
export function secretFileField(example: string) {
  const shape = {
    title: 'absolute path on the node',
    type: 'string',
    pattern: secretFilePattern.source,
  } as const
  return field(example, shape, (raw): Reading<string> => {
    if (typeof raw === 'string' && secretFilePattern.test(raw) && !raw.endsWith('/')) {
      return { ok: true, value: raw }
    }
    return {
      ok: false,
      message: 'is not an absolute path (the value is not shown: it could be the secret itself)',
      hint: `keep the secret in a file on the node, and write its path here, such as ${example}`,
    }
  })
}

const secretFilePattern = /^\/[A-Za-z0-9._@+=,/-]{1,254}$/

export function wholeNumberField(least: number, most: number, example: string, why: string | null = null) {
  const shape = { title: `${least} to ${most}`, type: 'integer', minimum: least, maximum: most } as const
  return field(example, shape, (raw): Reading<number> => {
    const whole = readWholeNumber(raw)
    if (!whole.ok || (whole.value >= least && whole.value <= most)) return whole
    return { ok: false, message: `${whole.value} is not from ${least} to ${most}`, hint: why }
  })
}

/** A share of one, from `least` to `most` percent. Written `20%`. */
export function percentField(least: number, most: number, example: string) {
  const shape = { title: `${least}% to ${most}%`, pattern: percentPattern.source } as const
  return textField(example, shape, (text): Reading<number> => {
    const percent = percentPattern.test(text) ? Number(text.slice(0, -1)) : Number.NaN
    return percent >= least && percent <= most
      ? { ok: true, value: percent / 100 }
      : {
          ok: false,
          message: `${quote(text)} is not a percentage from ${least}% to ${most}%`,
          hint: `write a whole percentage, such as ${example}`,
        }
  })
}

/** A number of sites, or a share of them: `2`, or `50%`. */
export function countOrShareField(least: number, most: number, example: string) {
  const number = wholeNumberField(least, most, example)
  const share = percentField(1, 99, '50%')
  const shape = {
    title: `${least} to ${most}, or 1% to 99%`,
    type: ['integer', 'string'],
    pattern: percentPattern.source,
    minimum: least,
    maximum: most,
  } as const
  return field(example, shape, (raw): Reading<CountOrShare> => {
    const hint = `write one such as ${example}, or "50%"`
    if (typeof raw !== 'string' || !raw.includes('%')) return readBy(number, raw, hint)
    const read = readBy(share, raw, hint)
    return read.ok ? { ok: true, value: raw as `${number}%` } : read
  })
}

/** Reads a value as another field does. `hint`: for messages of that field that have none. */
export function readBy<T>(other: z.ZodType<T>, raw: unknown, hint: string): Reading<T> {
  const read = other.safeParse(raw)
  if (read.success) return { ok: true, value: read.data }
  const [issue] = read.error.issues
  const own = (issue as { params?: { hint?: string | null } }).params?.hint
  return { ok: false, message: issue!.message, hint: own ?? hint }
}

type CountOrShare = number | `${number}%`

/** A share is rounded up: 50% of 5 are 3. */
export function countOf(value: CountOrShare, of: number): number {
  return typeof value === 'number' ? value : Math.ceil((of * Number(value.slice(0, -1))) / 100)
}

const percentPattern = /^(?:0|[1-9]\d{0,2})%$/

export const portField = wholeNumberField(1, 65535, '51820')

export const yesNoField = field(
  'true',
  { title: 'true or false', type: 'boolean' },
  (raw): Reading<boolean> => {
    if (typeof raw === 'boolean') return { ok: true, value: raw }
    const meant = typeof raw === 'string' ? /^(?:(yes|on|true)|no|off|false)$/i.exec(raw) : null
    return {
      ok: false,
      message: `expected true or false, got ${describeValue(raw)}`,
      hint:
        meant === null
          ? null
          : raw === 'true' || raw === 'false'
            ? `leave out the quotes: ${raw}`
            : `write ${meant[1] !== undefined}`,
    }
  },
)

export function wordField<const W extends string>(words: readonly W[], unavailable: readonly string[] = []) {
  return field(words[0]!, { title: 'word', type: 'string', enum: words }, (raw): Reading<W> => {
    const known = words.find((word) => word === raw)
    if (known !== undefined) return { ok: true, value: known }
    const expected = alternatives(words)
    if (typeof raw !== 'string') {
      return { ok: false, message: `expected ${expected}, got ${describeValue(raw)}`, hint: null }
    }
    if (unavailable.includes(raw)) {
      return {
        ok: false,
        message: `${quote(raw)} is not available in this version`,
        hint: `write ${expected}`,
      }
    }
    const nearest = nearestWord(raw, words)
    return {
      ok: false,
      message: `${quote(raw)} is not ${expected}`,
      hint: nearest === null ? null : `did you mean ${nearest}?`,
    }
  })
}

export function readWholeNumber(raw: unknown): Reading<number> {
  if (typeof raw === 'number') return { ok: true, value: raw }
  const expected = `expected a whole number, got ${describeValue(raw)}`
  if (typeof raw === 'string' && /^(?:0|[1-9]\d{0,14})$/.test(raw)) {
    return { ok: false, message: expected, hint: `leave out the quotes: ${raw}` }
  }
  if (raw instanceof OddNumber && /^0\d{1,14}$/.test(raw.text)) {
    return {
      ok: false,
      message: `${raw.text} has a leading zero, which some tools read as octal`,
      hint: `write ${Number(raw.text)}`,
    }
  }
  return { ok: false, message: expected, hint: raw instanceof OddNumber ? 'write it in plain digits' : null }
}

/** `a list`, `the number 7`, `"text"`. */
export function describeValue(raw: unknown): string {
  if (raw === null || raw === undefined) return 'nothing'
  if (typeof raw === 'string') return quote(raw)
  if (typeof raw === 'number') return `the number ${raw}`
  if (typeof raw === 'boolean') return String(raw)
  if (raw instanceof OddNumber) return `the number ${raw.text.slice(0, 60)}`
  return Array.isArray(raw) ? 'a list' : 'a map'
}
