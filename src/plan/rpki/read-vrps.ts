import { addressBits, type Family, familyOf, type Parsed, parsePrefix } from '../../net/prefix.ts'
import { readIpv4Prefix, readIpv6Prefix } from '../../net/read-prefix.ts'
import { quote } from '../../text/wording.ts'
import { describeValue } from '../sites/fields.ts'
import { fillWords, type VrpSet, vrpSetOf } from './vrp-set.ts'
import { createRows, type FamilyRows, neverExpires, toTables } from './vrp-table.ts'

export interface VrpFile {
  /** Without those that have expired. */
  readonly vrps: VrpSet
  /** How many entries have expired. */
  readonly expired: number
  /** When the validator wrote it, as it says so: RFC 3339 text, or seconds since 1970. */
  readonly generated: string | number | null
}

/**
 * Reads the JSON of rpki-client (`-j`) or Routinator (`vrps --format json`, `jsonext`). A single entry that is
 * no VRP refuses the file: whatever damaged it can have damaged more. The same VRP twice, from two trust
 * anchors, is one, and is valid as long as the last of them. Keys that it does not know, such as `ta`, are ignored.
 */
export function readVrps(json: string | Uint8Array, nowMs: number): Parsed<VrpFile> {
  const parsed = parseJson(json)
  if (!parsed.ok) return parsed
  const { value } = parsed
  const roas = isMap(value) ? value.roas : undefined
  if (!isMap(value) || !Array.isArray(roas)) {
    return {
      ok: false,
      problem: isMap(value) ? 'has no list "roas"' : `is ${describeValue(value)}, not a map with "roas"`,
      hint: 'use the JSON of rpki-client (rpki-client -j) or Routinator (routinator vrps --format json)',
    }
  }
  const entries = new VrpEntries(nowMs, roas.length)
  const wrong: number[] = []
  for (const [index, entry] of (roas as readonly unknown[]).entries()) {
    if (!isMap(entry) || !entries.add(entry.prefix, entry.maxLength, readAsn(entry.asn), readExpiry(entry))) {
      wrong.push(index)
    }
  }
  const first = wrong[0]
  if (first !== undefined) {
    const { problem, hint } = explainEntry(roas[first])
    const others = wrong.length === 1 ? '' : `; ${wrong.length} entries are invalid in total`
    return { ok: false, problem: `has in roas[${first}] ${problem}${others}`, hint }
  }
  return { ok: true, value: entries.toFile(value.metadata) }
}

/** The VRPs of a file, entry by entry. */
export class VrpEntries {
  readonly #nowS: number
  readonly #rows: FamilyRows
  readonly #words = new Uint32Array(4)
  #expired = 0

  /** @param expected about how many entries come: a guess that is too small costs copies */
  constructor(nowMs: number, expected: number) {
    this.#nowS = Math.floor(nowMs / 1000)
    this.#rows = createRows(expected)
  }

  /** `false`: it is no VRP. An `asn` or `expires` (in seconds since 1970) of -1 could not be read. */
  add(prefix: unknown, maxLength: unknown, asn: number, expires: number): boolean {
    if (typeof prefix !== 'string') return false
    const family = familyOf(prefix)
    const length = readPrefix(prefix, family, this.#words)
    if (length === -1 || asn === -1 || expires === -1) return false
    if (!isMaxLength(maxLength, length, addressBits(family))) return false
    if (expires <= this.#nowS) this.#expired += 1
    else this.#rows[family].add(this.#words, length, maxLength, asn, expires)
    return true
  }

  toFile(metadata: unknown): VrpFile {
    return {
      vrps: vrpSetOf(toTables(this.#rows)),
      expired: this.#expired,
      generated: generatedAt(metadata),
    }
  }
}

/** `value` of a JSON document, as text or as bytes in UTF-8. */
export function parseJson(json: string | Uint8Array): Parsed<unknown> {
  try {
    const text = typeof json === 'string' ? json : new TextDecoder('utf-8', { fatal: true }).decode(json)
    return { ok: true, value: JSON.parse(text) }
  } catch {
    return {
      ok: false,
      problem: json.length === 0 ? 'is empty' : 'is not JSON',
      hint: 'if the file was incomplete, write to another file first, then rename it',
    }
  }
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readPrefix(text: string, family: Family, words: Uint32Array): number {
  const length = family === 'ipv6' ? readIpv6Prefix(text, words) : readIpv4Prefix(text, words)
  if (length !== -1 || text.length > 64) return length
  // Rare ways to write it, such as ::ffff:192.0.2.0/120.
  const parsed = parsePrefix(text)
  if (!parsed.ok) return -1
  fillWords(words, parsed.value)
  return parsed.value.length
}

/** `64500` or `"AS64500"`; including 0, which permits no origin (RFC 6483, section 4). */
export function readAsn(raw: unknown): number {
  const asn =
    typeof raw === 'string' && /^(?:AS)?(?:0|[1-9]\d{0,9})$/i.test(raw)
      ? Number(raw.charCodeAt(0) > 57 ? raw.slice(2) : raw)
      : raw
  return typeof asn === 'number' && Number.isInteger(asn) && asn >= 0 && asn <= 4294967295 ? asn : -1
}

function isMaxLength(raw: unknown, length: number, bits: number): raw is number {
  return typeof raw === 'number' && Number.isInteger(raw) && raw >= length && raw <= bits
}

/**
 * When an entry stops being valid, in seconds since 1970; `neverExpires` where it names no time, -1 where that
 * is not a time. rpki-client writes `expires`, and Routinator's `jsonext` the validity of each `source`.
 */
function readExpiry({ expires, source }: Readonly<Record<string, unknown>>): number {
  if (expires === undefined) return source === undefined ? neverExpires : readSources(source)
  if (typeof expires !== 'number' || !Number.isFinite(expires) || expires < 0) return -1
  return Math.min(Math.floor(expires), neverExpires)
}

/** The last of several sources counts. A local exception has no validity. */
function readSources(sources: unknown): number {
  if (!Array.isArray(sources) || sources.length === 0) return neverExpires
  let last = 0
  for (const source of sources as readonly unknown[]) {
    const validity = isMap(source) ? source.chainValidity : undefined
    const notAfter = isMap(validity) ? validity.notAfter : undefined
    if (notAfter === undefined) return neverExpires
    // biome-ignore lint/style/noRestrictedGlobals: it parses a text, and does not ask the clock.
    const ms = typeof notAfter === 'string' ? Date.parse(notAfter) : Number.NaN
    if (!(ms >= 0)) return -1
    last = Math.max(last, Math.min(Math.floor(ms / 1000), neverExpires))
  }
  return last
}

/** What is wrong with an entry that could not be read; slow, for one only. */
function explainEntry(entry: unknown): { problem: string; hint: string } {
  const example = 'an entry looks like {"asn": 64500, "prefix": "192.0.2.0/24", "maxLength": 24}'
  if (!isMap(entry)) return { problem: `${describeValue(entry)}, which is not a VRP`, hint: example }
  const { prefix, maxLength, asn } = entry
  if (typeof prefix !== 'string') {
    return { problem: `a prefix that is ${describeValue(prefix)}`, hint: example }
  }
  const parsed = prefix.length > 64 ? null : parsePrefix(prefix)
  if (parsed?.ok !== true) {
    return {
      problem: `the prefix ${quote(prefix)}, which ${parsed?.problem ?? 'is not a prefix'}`,
      hint: parsed?.hint ?? example,
    }
  }
  if (readAsn(asn) === -1) {
    return {
      problem: `an asn that is ${describeValue(asn)}`,
      hint: 'write 0 to 4294967295, or text such as "AS64500"',
    }
  }
  if (readExpiry(entry) === -1) {
    return entry.expires === undefined
      ? {
          problem: 'a source with a chainValidity.notAfter that is not a time',
          hint: 'write a time such as "2026-01-01T00:00:00Z"',
        }
      : { problem: `an expires that is ${describeValue(entry.expires)}`, hint: 'it is in seconds since 1970' }
  }
  const bits = addressBits(familyOf(prefix))
  return {
    problem: `a maxLength that is ${describeValue(maxLength)} for ${prefix}`,
    hint: `it is ${parsed.value.length} to ${bits}`,
  }
}

/** rpki-client says `buildtime`, Routinator `generatedTime` and `generated`. */
function generatedAt(metadata: unknown): string | number | null {
  if (!isMap(metadata)) return null
  const said = [metadata.buildtime, metadata.generatedTime, metadata.generated]
  return said.find((value) => typeof value === 'string' || typeof value === 'number') ?? null
}
