import { quote } from './wording.ts'

/** A problem with one value of a document. */
export interface Problem {
  /** Such as `services.0.probe.intervalMs`; empty for the whole document. */
  readonly path: string
  /** One line. */
  readonly message: string
}

/** The place of a value; its path is built only for a problem. */
interface Place {
  readonly within: Place | null
  readonly step: string
  readonly problems: Problem[]
}

/**
 * Reads a value of parsed JSON. If it adds a problem, its result is not valid. It does not use zod, which takes
 * memory: the guard and the controller use only these readers.
 */
export type Shape<T> = (raw: unknown, place: Place) => T
export type Infer<S> = S extends Shape<infer T> ? T : never

export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] }

/** The maximum number of reported problems. */
const mostProblems = 50

export function readShape<T>(shape: Shape<T>, raw: unknown): Read<T> {
  const problems: Problem[] = []
  const value = shape(raw, { within: null, step: '', problems })
  const [first, ...others] = problems
  return first === undefined ? { ok: true, value } : { ok: false, problems: [first, ...others] }
}

/** Throws a TypeError of one line. */
export function requireShape<T>(shape: Shape<T>, raw: unknown): T {
  const read = readShape(shape, raw)
  if (read.ok) return read.value
  throw new TypeError(read.problems.map(formatProblem).join('; '))
}

export function formatProblem({ path, message }: Problem): string {
  return path === '' ? message : `${path}: ${message}`
}

/** Parses JSON text; `null` if it does not fit. */
export function readJson<T>(shape: Shape<T>, text: string): T | null {
  try {
    const read = readShape(shape, JSON.parse(text))
    return read.ok ? read.value : null
  } catch {
    return null
  }
}

/** `check` returns the value, or the problem with the text. */
export function text<T extends string>(check: (text: string) => T | Wrong, most = 4096): Shape<T> {
  return (raw, place) => {
    if (typeof raw !== 'string') return wrong(place, `expected text, got ${describe(raw)}`)
    if (raw.length > most) return wrong(place, `is longer than ${most} characters`)
    const checked = check(raw)
    return typeof checked === 'string' ? checked : wrong(place, `${quote(raw)} ${checked.problem}`)
  }
}

export interface Wrong {
  /** Completes a sentence that starts with the text itself. */
  readonly problem: string
}

export function anyText(most = Number.POSITIVE_INFINITY): Shape<string> {
  return text((raw) => raw, most)
}

/** Any text without control characters. */
export function plainText(most: number): Shape<string> {
  return text((raw) => (hasControl(raw) ? { problem: 'has control characters' } : raw), most)
}

export function hasControl(raw: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  return /[\0-\x1f\x7f-\x9f\u2028\u2029]/.test(raw)
}

export function pattern<T extends string = string>(expected: RegExp, problem: string, most = 4096): Shape<T> {
  return text<T>((raw) => (expected.test(raw) ? (raw as T) : { problem }), most)
}

export function whole(least: number, most: number): Shape<number> {
  return (raw, place) => {
    if (typeof raw !== 'number' || !Number.isInteger(raw)) {
      return wrong(place, `expected a whole number from ${least} to ${most}, got ${describe(raw)}`)
    }
    return raw >= least && raw <= most ? raw : wrong(place, `${raw} is not from ${least} to ${most}`)
  }
}

/** Fractions are allowed. */
export function number(least: number, most: number): Shape<number> {
  return (raw, place) => {
    if (typeof raw !== 'number') return wrong(place, `expected a number, got ${describe(raw)}`)
    return raw >= least && raw <= most ? raw : wrong(place, `${raw} is not from ${least} to ${most}`)
  }
}

/** Any value; another reader checks it. */
export const anything: Shape<unknown> = (raw) => raw

export const yesNo: Shape<boolean> = (raw, place) =>
  typeof raw === 'boolean' ? raw : wrong(place, `expected true or false, got ${describe(raw)}`)

export function word<const W extends string | number>(...words: readonly W[]): Shape<W> {
  return (raw, place) =>
    words.includes(raw as W)
      ? (raw as W)
      : wrong(place, `expected ${words.join(' or ')}, got ${describe(raw)}`)
}

export function list<T>(item: Shape<T>, most: number, least = 0): Shape<T[]> {
  return (raw, place) => {
    if (!Array.isArray(raw)) return wrong(place, `expected a list, got ${describe(raw)}`)
    if (raw.length < least || raw.length > most) {
      return wrong(place, `has ${raw.length} entries; ${least} to ${most} are allowed`)
    }
    return raw.map((value: unknown, index) => item(value, inside(place, String(index))))
  }
}

/** A list of entries with unique names. */
export function unique<T extends { readonly name: string }>(items: Shape<T[]>): Shape<T[]> {
  return (raw, place) => {
    const read = items(raw, place)
    const names = new Set<string>()
    read?.forEach((item, index) => {
      // It did not fit; the problem is already reported.
      if (item?.name === undefined) return
      if (names.has(item.name))
        wrong(inside(inside(place, String(index)), 'name'), `${quote(item.name)} is not unique`)
      names.add(item.name)
    })
    return read
  }
}

/** A map, with a key such as a name for each entry. */
export function map<T>(key: Shape<string>, item: Shape<T>, most: number): Shape<Record<string, T>> {
  return (raw, place) => {
    if (!isObject(raw)) return wrong(place, `expected a map, got ${describe(raw)}`)
    const entries = Object.entries(raw)
    if (entries.length > most) return wrong(place, `has ${entries.length} entries; ${most} are allowed`)
    const read: Record<string, T> = {}
    for (const [name, value] of entries) {
      const at = inside(place, name)
      // As a key of an object it would set the object's prototype.
      if (name === '__proto__') wrong(at, 'is not a name')
      else read[key(name, at)] = item(value, at)
    }
    return read
  }
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (raw, place) => (raw === null ? null : shape(raw, place))
}

/** For fields that older bundles lack. */
export function withDefault<T>(shape: Shape<T>, value: T): Shape<T> {
  return (raw, place) => (raw === undefined ? value : shape(raw, place))
}

type Optional<T> = Shape<T | undefined> & { readonly isOptional: true }

export function optional<T>(shape: Shape<T>): Optional<T> {
  const read = (raw: unknown, place: Place) => (raw === undefined ? undefined : shape(raw, place))
  return Object.assign(read, { isOptional: true as const })
}

// biome-ignore lint/suspicious/noExplicitAny: a field may be of any type, and is inferred.
type Fields = Readonly<Record<string, Shape<any>>>
type OptionalKeys<F extends Fields> = { [K in keyof F]: F[K] extends Optional<unknown> ? K : never }[keyof F]
type Fitting<F extends Fields> = {
  [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]>
} & { [K in OptionalKeys<F>]?: Exclude<Infer<F[K]>, undefined> }

/** Every field must fit, and other fields are not allowed. */
export function record<F extends Fields>(fields: F): Shape<{ [K in keyof Fitting<F>]: Fitting<F>[K] }> {
  const names = new Set(Object.keys(fields))
  const known = part(fields)
  return (raw, place) => {
    const read = known(raw, place)
    for (const name of isObject(raw) ? Object.keys(raw) : []) {
      if (!names.has(name)) wrong(inside(place, name), 'is not a known field')
    }
    return read
  }
}

/** The fields that concern us in another program's document: each must fit, and other fields are ignored. */
export function part<F extends Fields>(fields: F): Shape<{ [K in keyof Fitting<F>]: Fitting<F>[K] }> {
  const entries = Object.entries(fields)
  return (raw, place) => {
    if (!isObject(raw)) return wrong(place, `expected a map, got ${describe(raw)}`)
    const read: Record<string, unknown> = {}
    for (const [name, shape] of entries) {
      const value = shape(Object.hasOwn(raw, name) ? raw[name] : undefined, inside(place, name))
      if (value !== undefined) read[name] = value
    }
    return read as { [K in keyof Fitting<F>]: Fitting<F>[K] }
  }
}

export function wrong(place: Place, message: string): never {
  if (place.problems.length < mostProblems) place.problems.push({ path: pathOf(place), message })
  return undefined as never
}

function inside(within: Place, step: string): Place {
  return { within, step, problems: within.problems }
}

function pathOf(place: Place): string {
  const steps: string[] = []
  for (let at: Place | null = place; at?.within; at = at.within) {
    steps.push(/^[\w-]{1,64}$/.test(at.step) ? at.step : quote(at.step))
  }
  return steps.reverse().join('.')
}

function isObject(raw: unknown): raw is Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw)
}

function describe(raw: unknown): string {
  if (raw === undefined) return 'nothing'
  if (raw === null) return 'null'
  if (typeof raw === 'string') return quote(raw)
  if (typeof raw === 'number' || typeof raw === 'boolean') return String(raw)
  return Array.isArray(raw) ? 'a list' : 'a map'
}
