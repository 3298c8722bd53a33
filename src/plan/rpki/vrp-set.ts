import { Address, type Family, Prefix } from '../../net/prefix.ts'
import { findLongest, findRow, firstRow, indexPrefixes, type PrefixIndex, parentOf } from './prefix-index.ts'
import type { ValidationState } from './validation.ts'
import { countRows } from './vrp-changes.ts'
import { neverExpires, type VrpTable, type VrpTables, withoutExpired } from './vrp-table.ts'

/** A validated ROA payload (RFC 6811). */
export interface Vrp {
  readonly prefix: Prefix
  /** From the prefix's own length to 32 or 128. */
  readonly maxLength: number
  readonly asn: number
}

/** An indexed set of VRPs. */
export interface VrpSet {
  /** How many VRPs are in it, each counted once. */
  readonly size: number
  readonly tables: VrpTables
  /** When the first of its VRPs expires, in ms since 1970; `Infinity`: none does. */
  readonly firstExpiryMs: number
  /** `originAsn` is null where the path ends in an AS_SET or is empty, which no VRP can match (RFC 6907, 7.1.9). */
  validate(prefix: Prefix, originAsn: number | null): ValidationState
  /** Every VRP whose prefix contains this one, shorter before longer, then by AS number. */
  covering(prefix: Prefix): readonly Vrp[]
}

export function vrpSetOf(tables: VrpTables): VrpSet {
  const indexes: Readonly<Record<Family, PrefixIndex>> = {
    ipv4: indexPrefixes(tables.ipv4),
    ipv6: indexPrefixes(tables.ipv6),
  }
  const words = new Uint32Array(4)
  return {
    size: countRows(tables),
    tables,
    firstExpiryMs: firstExpiryMs(tables),
    validate(prefix, originAsn) {
      const table = tables[prefix.family]
      const index = indexes[prefix.family]
      fillWords(words, prefix)
      let state: ValidationState = 'not-found'
      let at = findLongest(index, words, prefix.length)
      for (; at !== -1; at = parentOf(index, at)) {
        if (state === 'not-found') state = 'invalid-as'
        // AS 0 in a VRP permits no origin (RFC 6483, section 4).
        if (originAsn === null || originAsn === 0) break
        const row = findRow(table, index, at, originAsn)
        if (row === -1) continue
        if (prefix.length <= table.maxLengths[row]!) return 'valid'
        state = 'invalid-length'
      }
      return state
    },
    covering(prefix) {
      const { family } = prefix
      const table = tables[family]
      const index = indexes[family]
      fillWords(words, prefix)
      const found: number[] = []
      let at = findLongest(index, words, prefix.length)
      for (; at !== -1; at = parentOf(index, at)) found.push(at)
      return found.reverse().flatMap((place) => {
        const first = firstRow(index, place)
        return Array.from({ length: firstRow(index, place + 1) - first }, (_, offset) =>
          vrpAt(table, family, first + offset),
        )
      })
    },
  }
}

/** The set without the VRPs that have expired; the set itself where there are none. */
export function dropExpired(vrps: VrpSet, nowMs: number): VrpSet {
  if (nowMs < vrps.firstExpiryMs) return vrps
  const { ipv4, ipv6 } = vrps.tables
  return vrpSetOf({ ipv4: withoutExpired(ipv4, nowMs), ipv6: withoutExpired(ipv6, nowMs) })
}

function firstExpiryMs({ ipv4, ipv6 }: VrpTables): number {
  let first = neverExpires
  for (const { expires } of [ipv4, ipv6]) {
    for (let row = 0; row < expires.length; row += 1) if (expires[row]! < first) first = expires[row]!
  }
  return first === neverExpires ? Number.POSITIVE_INFINITY : first * 1000
}

export function vrpAt(table: VrpTable, family: Family, row: number): Vrp {
  const value = table.words.reduce((sum, column) => (sum << 32n) | BigInt(column[row]!), 0n)
  return {
    prefix: new Prefix(new Address(family, value), table.lengths[row]!),
    maxLength: table.maxLengths[row]!,
    asn: table.asns[row]!,
  }
}

const bytes = new DataView(new ArrayBuffer(16))

/** The words of a prefix's network, the most significant first. */
export function fillWords(words: Uint32Array, { network }: Prefix): void {
  if (network.family === 'ipv4') {
    words[0] = Number(network.value)
    return
  }
  bytes.setBigUint64(0, network.value >> 64n)
  bytes.setBigUint64(8, BigInt.asUintN(64, network.value))
  for (let word = 0; word < 4; word += 1) words[word] = bytes.getUint32(word * 4)
}
