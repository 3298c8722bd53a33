import * as z from 'zod'
import type { Family, Parsed } from '../../net/prefix.ts'
import { formatRange, globalLengths, type PrefixRange, parseRange } from '../../net/prefix-range.ts'

interface IrrSet {
  /** Each one once, in the order in which they came; not aggregated. */
  readonly ranges: readonly PrefixRange[]
  readonly leftOut: readonly LeftOut[]
}

/** An entry of the text that is not in the set, or is changed there. */
interface LeftOut {
  /** `line 12` of a list, `entry 12` of JSON, from 1. */
  readonly where: string
  readonly text: string
  /** Ends a sentence that begins with the text. */
  readonly reason: string
}

/**
 * Reads the prefixes of one family. The text is bgpq4's JSON, or a list: on each line a prefix, or a range as
 * `parseRange` reads it, and `#` before a comment. Entries of the other family are passed over, so that one file
 * does for both. An entry that cannot be used is left out, which makes the filter stricter, and is reported.
 */
export function readIrrSet(text: string, family: Family): Parsed<IrrSet> {
  const entries = text.trimStart().startsWith('{')
    ? readJson(text)
    : { ok: true as const, value: readLines(text) }
  if (!entries.ok) return entries
  const byText = new Map<string, PrefixRange>()
  const leftOut: LeftOut[] = []
  for (const { where, text: written } of entries.value) {
    const parsed = parseRange(written)
    if (!parsed.ok) {
      leftOut.push({ where, text: written, reason: parsed.problem })
      continue
    }
    if (parsed.value.prefix.family !== family) continue
    const { range, reason } = keepToGlobalLengths(parsed.value)
    if (reason !== null) leftOut.push({ where, text: written, reason })
    if (range !== null) byText.set(formatRange(range), range)
  }
  return { ok: true, value: { ranges: [...byText.values()], leftOut } }
}

/** `line 3 "192.0.2.1/24" has host bits set beyond /24; … and 12 more`; text from outside is cut and escaped. */
export function describeLeftOut(leftOut: readonly LeftOut[]): string {
  const shown = leftOut
    .slice(0, mostShown)
    .map(({ where, text, reason }) => `${where} ${JSON.stringify(text.slice(0, 60))} ${reason}`)
  const more = leftOut.length - shown.length
  return `${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}

const mostShown = 5

interface Entry {
  readonly where: string
  readonly text: string
}

function readLines(text: string): Entry[] {
  return text.split('\n').flatMap((line, index) => {
    const comment = line.indexOf('#')
    const written = (comment === -1 ? line : line.slice(0, comment)).trim()
    return written === '' ? [] : [{ where: `line ${index + 1}`, text: written }]
  })
}

const entrySchema = z.object({
  prefix: z.string(),
  'greater-equal': z.int().optional(),
  'less-equal': z.int().optional(),
})

/** `{"NAME": [{"prefix": "192.0.2.0/24", "exact": true}, …]}`, as `bgpq4 -j` and `bgpq4 -jA` print it. */
function readJson(text: string): Parsed<Entry[]> {
  let lists: unknown[]
  try {
    lists = Object.values(JSON.parse(text))
  } catch {
    return { ok: false, problem: 'begins like JSON, but is not valid JSON', hint: jsonHint }
  }
  if (lists.length === 0 || !lists.every((list) => Array.isArray(list))) {
    return { ok: false, problem: 'is JSON, but not a named list of prefixes', hint: jsonHint }
  }
  const entries = lists.flat().map((raw: unknown, index) => {
    const where = `entry ${index + 1}`
    const entry = entrySchema.safeParse(raw)
    if (!entry.success) return { where, text: (JSON.stringify(raw) ?? '').slice(0, 100) }
    const { prefix, 'greater-equal': ge, 'less-equal': le } = entry.data
    return {
      where,
      text: `${prefix}${ge === undefined ? '' : ` ge ${ge}`}${le === undefined ? '' : ` le ${le}`}`,
    }
  })
  return { ok: true, value: entries }
}

const jsonHint = 'use a list with one prefix per line, or the output of `bgpq4 -j`'

function keepToGlobalLengths(range: PrefixRange): { range: PrefixRange | null; reason: string | null } {
  const { prefix, minLength, maxLength } = range
  const [least, most] = globalLengths[prefix.family]
  if (prefix.length < least) {
    return { range: null, reason: `is shorter than /${least}, and would accept unallocated prefixes` }
  }
  if (minLength > most) return { range: null, reason: `is longer than /${most}, which other networks drop` }
  if (maxLength <= most) return { range, reason: null }
  return {
    range: { ...range, maxLength: most },
    reason: `extends to /${maxLength}, and is used up to /${most} only`,
  }
}
