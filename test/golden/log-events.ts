import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'

const src = join(import.meta.dirname, '../../src')
/** Other files have events of other kinds: of links, stores, streams and rollouts. */
const programs: readonly [RegExp, string][] = [
  [/^(node|telemetry|control)\//, 'node'],
  [/^plan\/service\//, 'planner'],
]

export interface LogEvent {
  /** `node` or `planner`. */
  readonly program: string
  readonly event: string
  /** The keys beside `event`, from all places that log it. */
  readonly fields: ReadonlySet<string>
  /** Whether a place adds keys of another object. */
  readonly isOpen: boolean
}

/** The events of the log, as the source writes them: every object with `event: '…'`. */
export async function readLogEvents(): Promise<LogEvent[]> {
  const found = new Map<string, { program: string; event: string; fields: Set<string>; isOpen: boolean }>()
  const files = await readdir(src, { recursive: true })
  for (const file of files.filter((name) => name.endsWith('.ts')).sort()) {
    const program = programs.find(([folder]) => folder.test(relative(src, join(src, file))))?.[1]
    if (program === undefined) continue
    const text = await readFile(join(src, file), 'utf8')
    let event: string | undefined
    // `{ ...facts, more }`: of the event above it.
    for (const match of text.matchAll(/\bevent: '([\w-]+)'|(?<=\{ )\.\.\.facts\b/g)) {
      event = match[1] ?? event
      if (event === undefined) continue
      const key = `${program} ${event}`
      const entry = found.get(key) ?? { program, event, fields: new Set(), isOpen: false }
      found.set(key, entry)
      for (const part of partsOf(enclosing(text, match.index))) {
        if (part.startsWith('...')) entry.isOpen ||= part !== '...facts'
        else entry.fields.add(/^\w+/.exec(part)![0])
      }
      entry.fields.delete('event')
    }
  }
  return [...found.values()]
}

/** The text within the braces around that place. */
function enclosing(text: string, at: number): string {
  let begin = at
  for (let depth = 0; depth >= 0; begin -= 1) {
    if (text[begin - 1] === '}') depth += 1
    if (text[begin - 1] === '{') depth -= 1
  }
  let end = at
  for (let depth = 0; depth >= 0; end += 1) {
    if (text[end] === '{') depth += 1
    if (text[end] === '}') depth -= 1
  }
  return text.slice(begin + 1, end - 1)
}

/** The properties of an object literal. */
function partsOf(text: string): string[] {
  const parts = ['']
  let depth = 0
  for (const character of text.replace(/^\s*\/\/.*$/gm, '')) {
    if ('([{'.includes(character)) depth += 1
    if (')]}'.includes(character)) depth -= 1
    if (character === ',' && depth === 0) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}
