import { isMap, readAsn, VrpEntries, type VrpFile } from './read-vrps.ts'
import { neverExpires } from './vrp-table.ts'

const number = '(0|[1-9][0-9]{0,9})'
const text = String.raw`"([\x20!#-\[\]-~]*)"`
/** Bounded: two in a row on a long blank line would take quadratic time. */
const blank = String.raw`[\x20\t\n\r]{0,64}`

/** An entry as validators write it, and the comma or bracket after it. All that it matches is JSON. */
const usualEntry = new RegExp(
  String.raw` \{ "asn" : (?:${number}|"AS${number}") , "prefix" : ${text} , "maxLength" : ${number}
    (?:, "ta" : ${text} )?(?:, "expires" : ${number} )?\} ([,\]])`.replace(/\s+/g, blank),
  'y',
)
const listStart = /"roas"\s*:\s*\[/
/** In bytes. */
const mostBefore = 128 * 1024
const longestEntry = 4096
const mostAfter = 64 * 1024 * 1024

/**
 * Reads the JSON of a validator in pieces, as `readVrps` reads the whole: 800,000 objects and the text of all of them
 * take time and 100 MB of memory. Accepts only the usual shape, where the two give the same result.
 */
export class VrpScan {
  readonly #entries: VrpEntries
  /** What was not read yet. */
  #rest = ''
  /** The text before the list, with its bracket. */
  #before: string | null = null
  #isListRead = false

  /** @param expected as for `VrpEntries` */
  constructor(nowMs: number, expected: number) {
    this.#entries = new VrpEntries(nowMs, expected)
  }

  /** Reads the next piece, with one character for each byte. `false`: the file has another shape. */
  push(piece: string): boolean {
    this.#rest += piece
    if (this.#before === null) return this.#readBefore()
    return this.#isListRead ? this.#rest.length <= mostAfter : this.#readEntries()
  }

  /** The whole file; `null`: it has another shape, or a fault that `readVrps` can describe. */
  finish(): VrpFile | null {
    if (!this.#isListRead) return null
    const around = `${this.#before}]${this.#rest}`
    // With another "roas", or an escape that could spell it, another list may count. Bytes beyond ASCII are not decoded.
    if (/[\\\x80-\xff]/.test(around) || this.#rest.includes('"roas"')) return null
    const document = parseMap(around)
    // The list may be inside of another value.
    return Array.isArray(document?.roas) ? this.#entries.toFile(document.metadata) : null
  }

  #readBefore(): boolean {
    const start = listStart.exec(this.#rest)
    if (start === null) return this.#rest.length <= mostBefore
    const end = start.index + start[0].length
    this.#before = this.#rest.slice(0, end)
    this.#rest = this.#rest.slice(end)
    return this.#readEntries()
  }

  #readEntries(): boolean {
    let at = 0
    while (!this.#isListRead) {
      usualEntry.lastIndex = at
      const match = usualEntry.exec(this.#rest)
      if (match === null) break
      const [, asn, textAsn, prefix, maxLength, , expires, after] = match
      const isVrp = this.#entries.add(
        prefix,
        Number(maxLength),
        readAsn(Number(asn ?? textAsn)),
        expires === undefined ? neverExpires : Math.min(Number(expires), neverExpires),
      )
      if (!isVrp) return false
      at = usualEntry.lastIndex
      this.#isListRead = after === ']'
    }
    this.#rest = this.#rest.slice(at)
    return this.#isListRead || this.#rest.length <= longestEntry
  }
}

function parseMap(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(json)
    return isMap(value) ? value : null
  } catch {
    return null
  }
}
