import type { Family } from '../../net/prefix.ts'

/**
 * VRPs of one family as columns, a row each: the internet has 800,000 of them, too many for objects.
 * Sorted by network, length, AS number and maxLength; no row stands twice.
 */
export interface VrpTable {
  readonly size: number
  /** The network's 32-bit words, the most significant first: one column for IPv4, four for IPv6. */
  readonly words: readonly Uint32Array[]
  readonly lengths: Uint8Array
  readonly asns: Uint32Array
  readonly maxLengths: Uint8Array
  /** When a row stops being valid, in seconds since 1970, or `neverExpires`. It takes no part in the order. */
  readonly expires: Uint32Array
}

/** Of a VRP whose file names no time, and of local exceptions. */
export const neverExpires = 0xffffffff

export type VrpTables = Readonly<Record<Family, VrpTable>>

export const wordsOf: Readonly<Record<Family, number>> = { ipv4: 1, ipv6: 4 }

/** Rows in any order, each as often as it came, to become a table. */
class VrpRows {
  #size = 0
  #words: Uint32Array[]
  #lengths: Uint8Array
  #asns: Uint32Array
  #maxLengths: Uint8Array
  #expires: Uint32Array

  constructor(family: Family, capacity = 64) {
    this.#words = Array.from({ length: wordsOf[family] }, () => new Uint32Array(capacity))
    this.#lengths = new Uint8Array(capacity)
    this.#asns = new Uint32Array(capacity)
    this.#maxLengths = new Uint8Array(capacity)
    this.#expires = new Uint32Array(capacity)
  }

  /** Of `words` it takes as many as the family has. */
  add(
    words: Uint32Array,
    length: number,
    maxLength: number,
    asn: number,
    expires: number = neverExpires,
  ): void {
    if (this.#size === this.#lengths.length) this.#grow()
    const row = this.#size++
    for (let word = 0; word < this.#words.length; word += 1) this.#words[word]![row] = words[word]!
    this.#lengths[row] = length
    this.#asns[row] = asn
    this.#maxLengths[row] = maxLength
    this.#expires[row] = expires
  }

  addRow(table: VrpTable, row: number): void {
    for (let word = 0; word < table.words.length; word += 1) rowWords[word] = table.words[word]![row]!
    this.add(rowWords, table.lengths[row]!, table.maxLengths[row]!, table.asns[row]!, table.expires[row]!)
  }

  addTable(table: VrpTable): void {
    for (let row = 0; row < table.size; row += 1) this.addRow(table, row)
  }

  toTable(): VrpTable {
    const keys = [...this.#words, this.#lengths, this.#asns, this.#maxLengths]
    const rows = {
      words: this.#words,
      lengths: this.#lengths,
      asns: this.#asns,
      maxLengths: this.#maxLengths,
      expires: this.#expires,
    }
    return pickRows(rows, withoutRepeats(keys, this.#expires, sortRows(keys, this.#size)))
  }

  #grow(): void {
    const capacity = this.#lengths.length * 2
    const grown = <C extends Uint8Array | Uint32Array>(column: C, larger: C): C => {
      larger.set(column)
      return larger
    }
    this.#words = this.#words.map((column) => grown(column, new Uint32Array(capacity)))
    this.#lengths = grown(this.#lengths, new Uint8Array(capacity))
    this.#asns = grown(this.#asns, new Uint32Array(capacity))
    this.#maxLengths = grown(this.#maxLengths, new Uint8Array(capacity))
    this.#expires = grown(this.#expires, new Uint32Array(capacity))
  }
}

const rowWords = new Uint32Array(4)

export type FamilyRows = Readonly<Record<Family, VrpRows>>

/** Both families' tables, of the rows that `fill` adds. */
export function buildTables(fill: (rows: FamilyRows) => void): VrpTables {
  const rows = createRows()
  fill(rows)
  return toTables(rows)
}

/** @param expected about how many rows come: a guess that is too small costs copies */
export function createRows(expected?: number): FamilyRows {
  return { ipv4: new VrpRows('ipv4', expected), ipv6: new VrpRows('ipv6', expected) }
}

export function toTables({ ipv4, ipv6 }: FamilyRows): VrpTables {
  return { ipv4: ipv4.toTable(), ipv6: ipv6.toTable() }
}

/** The table without the rows that have expired; the table itself where there are none. */
export function withoutExpired(table: VrpTable, nowMs: number): VrpTable {
  const nowS = Math.floor(nowMs / 1000)
  const kept = new Uint32Array(table.size)
  let size = 0
  for (let row = 0; row < table.size; row += 1) {
    const expires = table.expires[row]!
    if (expires > nowS || expires === neverExpires) kept[size++] = row
  }
  return size === table.size ? table : pickRows(table, kept.subarray(0, size))
}

function pickRows(from: Omit<VrpTable, 'size'>, order: Uint32Array): VrpTable {
  const pick = <C extends Column>(column: C, picked: C): C => {
    for (let row = 0; row < order.length; row += 1) picked[row] = column[order[row]!]!
    return picked
  }
  return {
    size: order.length,
    words: from.words.map((column) => pick(column, new Uint32Array(order.length))),
    lengths: pick(from.lengths, new Uint8Array(order.length)),
    asns: pick(from.asns, new Uint32Array(order.length)),
    maxLengths: pick(from.maxLengths, new Uint8Array(order.length)),
    expires: pick(from.expires, new Uint32Array(order.length)),
  }
}

type Column = Uint8Array | Uint32Array

/** The rows' numbers in order, the first column the most significant: a radix sort, for it compares nothing. */
function sortRows(columns: readonly Column[], size: number): Uint32Array {
  let order = Uint32Array.from({ length: size }, (_, row) => row)
  let next = new Uint32Array(size)
  const places = new Uint32Array(256)
  for (const column of [...columns].reverse()) {
    for (let shift = 0; shift < column.BYTES_PER_ELEMENT * 8; shift += 8) {
      places.fill(0)
      for (let row = 0; row < size; row += 1) places[(column[row]! >>> shift) & 255]! += 1
      if (places.includes(size)) continue
      let place = 0
      for (let digit = 0; digit < 256; digit += 1) {
        const rows = places[digit]!
        places[digit] = place
        place += rows
      }
      for (let index = 0; index < size; index += 1) {
        const row = order[index]!
        const digit = (column[row]! >>> shift) & 255
        next[places[digit]!] = row
        places[digit]! += 1
      }
      ;[order, next] = [next, order]
    }
  }
  return order
}

/** Of rows that say the same, from two trust anchors, one stays: as long as the last of them is valid. */
function withoutRepeats(columns: readonly Column[], expires: Uint32Array, order: Uint32Array): Uint32Array {
  let kept = 0
  for (let index = 0; index < order.length; index += 1) {
    const row = order[index]!
    const last = order[kept - 1]
    if (last !== undefined && columns.every((column) => column[row] === column[last])) {
      if (expires[row]! > expires[last]!) expires[last] = expires[row]!
      continue
    }
    order[kept] = row
    kept += 1
  }
  return order.subarray(0, kept)
}
