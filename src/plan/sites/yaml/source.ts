import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
} from 'yaml'
import { type Path, quote } from '../../../text/wording.ts'
import type { Finding } from '../finding.ts'
import { lexWithinLimits } from './limits.ts'
import { plainScalar } from './numbers.ts'
import { readQuickly } from './quick.ts'
import { describeSyntax, isFollowUp, type SyntaxProblem } from './syntax-problems.ts'

/** A YAML file as plain values, with the position of each. */
export interface Source {
  readonly file: string
  /** Objects have no prototype; a number is one only if it was written as plain digits, otherwise an `OddNumber`. */
  readonly value: unknown
  /** Line and column, from 1, of the value at that path, or of the enclosing value if there is none. */
  readonly place: (path: Path, part: 'key' | 'value') => { line: number; column: number }
}

type Reject = (offset: number, message: string, hint: string | null, path?: Path) => void

/** Offsets into the text. */
interface Spot {
  readonly key: number | null
  readonly value: number
}

/** By the list or map, then by the index or key. */
type Spots = Map<object, Map<string | number, Spot>>

const deepest = 32
// An alias bomb of ten lines expands to billions of nodes.
const mostAliasedNodes = 10_000
const mostSyntaxProblems = 5

interface SourceReading {
  /** `null` exactly if there are findings that leave nothing to check. */
  readonly source: Source | null
  readonly findings: Finding[]
}

/** Reads one YAML document. */
export function readSource(file: string, text: string): SourceReading {
  const quick = readQuickly(text)
  return quick === null
    ? readCarefully(file, text)
    : { source: { file, value: quick.value, place: createPlaces(text) }, findings: [] }
}

/** The same for every document, and with everything that is wrong with it. */
export function readCarefully(file: string, text: string): SourceReading {
  const lines = new LineCounter()
  const findings: Finding[] = []
  const reject: Reject = (offset, message, hint, path = []) => {
    findings.push({ severity: 'error', file, path, message, hint, place: placeAt(lines, offset) })
  }

  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  const control = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.exec(text)
  if (control !== null) {
    countLines(lines, text, control.index)
    reject(control.index, `contains the control character ${quote(control[0])}`, 'is this a text file?')
    return { source: null, findings }
  }

  const lexed = lexWithinLimits(text)
  if (!lexed.ok) {
    const { offset, message, hint } = lexed.excess
    countLines(lines, text, offset)
    reject(offset, message, hint)
    return { source: null, findings }
  }

  const { document, problems } = compose(lexed.tokens, text.length, lines)
  for (const [index, problem] of problems.entries()) {
    if ((index > 0 && isFollowUp(problem.code)) || findings.length === mostSyntaxProblems) continue
    const { offset, message, hint } = describeSyntax(text, problem)
    reject(offset, message, hint)
  }
  if (problems.length > 0) return { source: null, findings }

  const value = toPlain(document, null, reject)
  if (value === undefined) return { source: null, findings }
  return { source: { file, value, place: createPlaces(text) }, findings }
}

/**
 * The positions of a text's values. The text is parsed again at the first call: of a thousand files few have a problem,
 * and the positions of all others would keep the garbage collector busy.
 */
function createPlaces(text: string): Source['place'] {
  let known: ReturnType<typeof readPlaces> = null
  return (path, part) => {
    known ??= readPlaces(text)
    if (known === null) return { line: 1, column: 1 }
    const { lines, value, spots, rootOffset } = known
    return placeAt(lines, findOffset(value, spots, path, part) ?? rootOffset)
  }
}

function readPlaces(text: string) {
  const lexed = lexWithinLimits(text)
  if (!lexed.ok) return null
  const lines = new LineCounter()
  const { document } = compose(lexed.tokens, text.length, lines)
  const spots: Spots = new Map()
  const value = toPlain(document, spots, () => {})
  return { lines, value, spots, rootOffset: document.contents?.range[0] ?? 0 }
}

/** Like the library's `parseDocument`, but from tokens: the lexer is a third of its work, and has already run. */
function compose(
  tokens: readonly string[],
  end: number,
  lines: LineCounter,
): { document: Document.Parsed; problems: SyntaxProblem[] } {
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  const parse = function* () {
    for (const token of tokens) yield* parser.next(token)
    yield* parser.end()
  }
  const composer = new Composer({
    // The library compares all pairs of keys, which takes seconds for a hostile file. `toPlain` uses a map.
    uniqueKeys: false,
    schema: 'core',
    resolveKnownTags: false,
  })
  const [document, second] = composer.compose(parse(), true, end) as Iterable<Document.Parsed>
  const problems: SyntaxProblem[] = [...document!.errors, ...document!.warnings]
  if (second !== undefined) {
    const [start, stop] = second.range
    problems.push({ code: 'MULTIPLE_DOCS', pos: [start, stop] })
  }
  return { document: document!, problems: problems.sort((a, b) => a.pos[0] - b.pos[0]) }
}

/** `undefined` if the document as a whole is unusable; an invalid entry is left out. */
function toPlain(document: Document.Parsed, spots: Spots | null, reject: Reject): unknown {
  const anchors = new Map<string, Node>()
  let aliasedNodes = 0
  let refused = false
  const refuse = (offset: number, message: string, hint: string | null) => {
    if (!refused) reject(offset, message, hint)
    refused = true
  }

  // Where `convert` is: pushed and popped, for a copy at each node takes a tenth of the whole.
  const path: (string | number)[] = []
  const rejectHere = (offset: number, message: string, hint: string | null, ...rest: string[]) =>
    reject(offset, message, hint, [...path, ...rest])

  const convert = (node: Node | null, offset: number, alias: boolean): unknown => {
    if (refused || node === null) return null
    if (path.length > deepest) {
      refuse(offset, 'is nested too deeply', `at most ${deepest} levels are read`)
      return null
    }
    if (alias && ++aliasedNodes > mostAliasedNodes) {
      refuse(offset, 'aliases (*) expand to too many values', 'write the values out')
      return null
    }
    if (isAlias(node)) {
      // An alias inside its own anchor ends at one of the limits. `node.resolve` would walk the whole document.
      const anchored = anchors.get(node.source)
      if (anchored === undefined) {
        rejectHere(
          offset,
          'an alias (*) has no anchor (&) of that name before it',
          'put the value in quotes if it begins with *',
        )
        return null
      }
      return convert(anchored, offset, true)
    }
    if (!alias && node.anchor !== undefined) {
      if (anchors.has(node.anchor)) {
        rejectHere(offset, 'an anchor (&) has the same name as another', 'give each a unique name')
      }
      anchors.set(node.anchor, node)
    }
    if (isScalar(node)) return plainScalar(node.value, node.source ?? String(node.value))
    const entries = new Map<string | number, Spot>()
    if (isSeq(node)) {
      const list: unknown[] = []
      spots?.set(list, entries)
      for (const item of node.items as Node[]) {
        const at = alias ? offset : (item.range?.[0] ?? offset)
        if (spots !== null) entries.set(list.length, { key: null, value: at })
        path.push(list.length)
        list.push(convert(item, at, alias))
        path.pop()
      }
      return list
    }
    if (!isMap(node)) return null
    const map: Record<string, unknown> = Object.create(null)
    spots?.set(map, entries)
    for (const pair of node.items) {
      const keyNode = pair.key as Node | null
      const keyAt = alias ? offset : (keyNode?.range?.[0] ?? offset)
      if (!isScalar(keyNode)) {
        rejectHere(keyAt, 'a key is not a plain word', 'put the value in quotes if it begins with {, [ or *')
        continue
      }
      const key = keyNode.source ?? String(keyNode.value)
      if (key === '<<') {
        rejectHere(keyAt, 'merge keys (<<) are not supported', 'write the keys out')
      } else if (key === '__proto__') {
        rejectHere(keyAt, `${quote(key)} is not a known key`, 'leave it out', key)
      } else if (entries.has(key)) {
        rejectHere(keyAt, `the key ${quote(key)} is in this map twice`, 'keep one of the two', key)
      } else {
        const valueNode = pair.value as Node | null
        const isEmpty =
          valueNode === null || (isScalar(valueNode) && valueNode.source === '' && valueNode.value === null)
        const at = alias || isEmpty ? keyAt : (valueNode.range?.[0] ?? keyAt)
        entries.set(key, { key: keyAt, value: at })
        path.push(key)
        map[key] = convert(valueNode, at, alias)
        path.pop()
      }
    }
    return map
  }

  const value = convert(document.contents, document.contents?.range[0] ?? 0, false)
  return refused ? undefined : value
}

function findOffset(root: unknown, spots: Spots, path: Path, part: 'key' | 'value'): number | null {
  let container = root
  let found: number | null = null
  for (const [index, step] of path.entries()) {
    const spot =
      typeof container === 'object' && container !== null ? spots.get(container)?.get(step) : undefined
    if (spot === undefined) return found
    found = part === 'key' && index === path.length - 1 ? (spot.key ?? spot.value) : spot.value
    container = (container as Record<string | number, unknown>)[step]
  }
  return found
}

function countLines(lines: LineCounter, text: string, end: number): void {
  lines.addNewLine(0)
  for (let at = text.indexOf('\n'); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) {
    lines.addNewLine(at + 1)
  }
}

function placeAt(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}
