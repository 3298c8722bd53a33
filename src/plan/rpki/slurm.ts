import * as z from 'zod'
import {
  addressBits,
  type Family,
  families,
  type Parsed,
  type Prefix,
  parsePrefix,
} from '../../net/prefix.ts'
import { formatPath, type Path, quote } from '../../text/wording.ts'
import { describeValue } from '../sites/fields.ts'
import { copyWords, findLongest, findRow, indexPrefixes, parentOf } from './prefix-index.ts'
import { parseJson } from './read-vrps.ts'
import { fillWords, type Vrp, type VrpSet, vrpSetOf } from './vrp-set.ts'
import { buildTables, type VrpTable } from './vrp-table.ts'

/** Local exceptions of the operator to the validator's output (RFC 8416). */
export interface Slurm {
  /** A VRP goes if one of them fits: its prefix lies in this one, its AS is this one, or both if both are said. */
  readonly filters: readonly { readonly prefix: Prefix | null; readonly asn: number | null }[]
  /** VRPs beside those of the validator; filters do not touch them. */
  readonly assertions: readonly Vrp[]
}

/** Reads a SLURM file. Its BGPsec members are validated and not used. */
export function readSlurm(json: string | Uint8Array): Parsed<Slurm> {
  const parsed = parseJson(json)
  if (!parsed.ok) return parsed
  const result = fileSchema.safeParse(parsed.value, { reportInput: true })
  if (!result.success) return { ok: false, ...explain(result.error.issues[0]!) }
  const { validationOutputFilters, locallyAddedAssertions } = result.data
  const slurm: Slurm = {
    filters: validationOutputFilters.prefixFilters.map(({ prefix = null, asn = null }) => ({ prefix, asn })),
    assertions: locallyAddedAssertions.prefixAssertions.map(({ prefix, asn, maxPrefixLength }) => ({
      prefix,
      asn,
      maxLength: maxPrefixLength ?? prefix.length,
    })),
  }
  const empty = slurm.filters.findIndex(({ prefix, asn }) => prefix === null && asn === null)
  if (empty !== -1) {
    return {
      ok: false,
      problem: `has in validationOutputFilters.prefixFilters[${empty}] neither a prefix nor an asn`,
      hint: 'add the VRPs to remove: a prefix, an asn, or both',
    }
  }
  const wrong = slurm.assertions.findIndex(
    ({ prefix, maxLength }) => maxLength < prefix.length || maxLength > addressBits(prefix.family),
  )
  if (wrong !== -1) {
    const { prefix, maxLength } = slurm.assertions[wrong]!
    return {
      ok: false,
      problem: `has in locallyAddedAssertions.prefixAssertions[${wrong}] a maxPrefixLength that is ${maxLength} for ${prefix}`,
      hint: `it is ${prefix.length} to ${addressBits(prefix.family)}; without it, it is ${prefix.length}`,
    }
  }
  return { ok: true, value: slurm }
}

interface SlurmOutcome {
  readonly vrps: VrpSet
  /** How many VRPs the filters took away. */
  readonly removed: number
}

export function applySlurm(vrps: VrpSet, slurm: Slurm): SlurmOutcome {
  const isFiltered = compileFilters(slurm)
  let removed = 0
  const words = new Uint32Array(4)
  const tables = buildTables((rows) => {
    for (const family of families) {
      const table = vrps.tables[family]
      for (let row = 0; row < table.size; row += 1) {
        if (isFiltered(family, table, row)) removed += 1
        else rows[family].addRow(table, row)
      }
    }
    for (const { prefix, maxLength, asn } of slurm.assertions) {
      fillWords(words, prefix)
      rows[prefix.family].add(words, prefix.length, maxLength, asn)
    }
  })
  return { vrps: vrpSetOf(tables), removed }
}

/** Filters too are looked up, not gone through: there may be many, and there are 800,000 rows. */
function compileFilters({ filters }: Slurm): (family: Family, table: VrpTable, row: number) => boolean {
  const asns = new Set(filters.flatMap(({ prefix, asn }) => (prefix === null && asn !== null ? [asn] : [])))
  const [ofAll, ofOne] = [true, false].map((wantsAll) => {
    const tables = buildTables((rows) => {
      for (const { prefix, asn } of filters) {
        if (prefix === null || (asn === null) !== wantsAll) continue
        fillWords(words, prefix)
        rows[prefix.family].add(words, prefix.length, prefix.length, asn ?? 0)
      }
    })
    return {
      ipv4: { table: tables.ipv4, index: indexPrefixes(tables.ipv4) },
      ipv6: { table: tables.ipv6, index: indexPrefixes(tables.ipv6) },
    }
  })
  return (family, table, row) => {
    const asn = table.asns[row]!
    if (asns.has(asn)) return true
    copyWords(table, row, words)
    const length = table.lengths[row]!
    const all = ofAll![family].index
    if (findLongest(all, words, length) !== -1) return true
    const one = ofOne![family]
    let at = findLongest(one.index, words, length)
    while (at !== -1 && findRow(one.table, one.index, at, asn) === -1) at = parentOf(one.index, at)
    return at !== -1
  }
}

const words = new Uint32Array(4)

const prefixField = z.string().transform((text, context): Prefix => {
  const parsed = parsePrefix(text)
  if (parsed.ok) return parsed.value
  const message = `is ${quote(text)}, which ${parsed.problem}`
  context.issues.push({ code: 'custom', input: text, message, params: { hint: parsed.hint } })
  return z.NEVER
})
const asnField = z.number().int().min(0).max(4294967295)
const commentField = z.string().optional()

const fileSchema = z.strictObject({
  slurmVersion: z.literal(1),
  validationOutputFilters: z.strictObject({
    prefixFilters: z.array(
      z.strictObject({ prefix: prefixField.optional(), asn: asnField.optional(), comment: commentField }),
    ),
    bgpsecFilters: z.array(z.unknown()),
  }),
  locallyAddedAssertions: z.strictObject({
    prefixAssertions: z.array(
      z.strictObject({
        prefix: prefixField,
        asn: asnField,
        maxPrefixLength: z.number().int().optional(),
        comment: commentField,
      }),
    ),
    bgpsecAssertions: z.array(z.unknown()),
  }),
})

const expectedWords: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  string: 'text',
  array: 'a list',
  object: 'a map',
}

/** RFC 8416, section 3.2: whatever deviates from the format is an error, and the file is not used at all. */
function explain(issue: z.core.$ZodIssue): { problem: string; hint: string } {
  const path = issue.path as Path
  const place = path.length === 0 ? '' : ` in ${formatPath(path)}`
  const hint = 'RFC 8416 defines the format of SLURM files'
  switch (issue.code) {
    case 'unrecognized_keys':
      return {
        problem: `has${place} ${quote(issue.keys[0]!)}, which is not in RFC 8416`,
        hint: 'leave it out',
      }
    case 'invalid_type': {
      const expected = expectedWords[issue.expected] ?? issue.expected
      return issue.input === undefined
        ? { problem: `lacks ${formatPath(path)}`, hint: `it is ${expected}; ${hint}` }
        : { problem: `has${place} ${describeValue(issue.input)} where ${expected} belongs`, hint }
    }
    case 'invalid_value':
      return { problem: 'is not of slurmVersion 1', hint: 'only version 1 (RFC 8416) is supported' }
    case 'custom':
      return {
        problem: `has${place} a value that ${issue.message}`,
        hint: (issue.params?.hint as string | undefined) ?? hint,
      }
    default:
      return { problem: `has${place} a number out of range`, hint: 'an AS number is 0 to 4294967295' }
  }
}
