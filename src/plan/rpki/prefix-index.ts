import type { VrpTable } from './vrp-table.ts'

/**
 * The distinct prefixes of a table, each with the next shorter one that contains it. What a look-up needs of a
 * prefix lies side by side: in 800,000 of them each column of its own would be another wait for the memory.
 */
export interface PrefixIndex {
  /**
   * Four numbers a prefix: the network's first word, the length, the first row, and the place of the prefix that
   * contains it, -1 as an unsigned number without one. At the end one more, of whose first row the number of rows is made.
   */
  readonly records: Uint32Array
  /** The networks' other words, a column each; IPv4 has none. */
  readonly rest: readonly Uint32Array[]
  /** By the network's first bits, all but `jumpShift` of the first word: the first prefix from there on. */
  readonly jumps: Uint32Array
  readonly jumpShift: number
}

export function indexPrefixes(table: VrpTable): PrefixIndex {
  const starts = startsOf(table)
  const size = starts.length - 1
  const records = new Uint32Array((size + 1) * 4)
  for (let at = 0; at <= size; at += 1) {
    const row = starts[at]!
    records[at * 4 + 2] = row
    if (at === size) break
    records[at * 4] = table.words[0]![row]!
    records[at * 4 + 1] = table.lengths[row]!
  }
  const rest = table.words.slice(1).map((column) => {
    const picked = new Uint32Array(size)
    for (let at = 0; at < size; at += 1) picked[at] = column[starts[at]!]!
    return picked
  })
  // Some prefixes for each entry, and never so many entries that they leave the processor's cache.
  const jumpShift = 32 - Math.min(20, Math.max(1, 32 - Math.clz32(size)))
  const jumps = new Uint32Array(2 ** (32 - jumpShift) + 1)
  for (let at = 0, entry = 0; entry < jumps.length; entry += 1) {
    while (at < size && records[at * 4]! >>> jumpShift < entry) at += 1
    jumps[entry] = at
  }
  const index = { records, rest, jumps, jumpShift }
  const own = new Uint32Array(table.words.length)
  for (let at = 0; at < size; at += 1) {
    copyWords(table, starts[at]!, own)
    // In this order whatever contains a prefix contains all that stands between the two.
    records[at * 4 + 3] = climb(index, at - 1, own, records[at * 4 + 1]!)
  }
  return index
}

/** The longest prefix of the index that contains this one, or -1; its parents are all the others. */
export function findLongest(index: PrefixIndex, words: Uint32Array, length: number): number {
  const { jumps, jumpShift, records } = index
  const first = words[0]!
  const jump = first >>> jumpShift
  let low = jumps[jump]!
  let high = jumps[jump + 1]!
  while (low < high) {
    const middle = (low + high) >>> 1
    const known = records[middle * 4]!
    // Most differ in the first word already.
    if (known > first || (known === first && compareRest(index, middle, words, length) > 0)) high = middle
    else low = middle + 1
  }
  return climb(index, low - 1, words, length)
}

/** The next shorter prefix that contains this one, or -1. */
export function parentOf({ records }: PrefixIndex, at: number): number {
  return records[at * 4 + 3]! | 0
}

/** The first row of a prefix; of the place behind the last one, the number of rows. */
export function firstRow({ records }: PrefixIndex, at: number): number {
  return records[at * 4 + 2]!
}

function climb(index: PrefixIndex, from: number, words: Uint32Array, length: number): number {
  const { records } = index
  const first = words[0]!
  let at = from
  while (at !== -1) {
    const bits = records[at * 4 + 1]!
    if (bits <= length) {
      const differing = records[at * 4]! ^ first
      // A shift by 32 is one by 0.
      if (bits > 31) {
        if (differing === 0 && containsRest(index, at, bits, words)) return at
      } else if (bits === 0 || differing >>> (32 - bits) === 0) return at
    }
    at = parentOf(index, at)
  }
  return -1
}

/** Of the rows of one prefix the one of that AS with the greatest maxLength, or -1. */
export function findRow(table: VrpTable, index: PrefixIndex, at: number, asn: number): number {
  const first = firstRow(index, at)
  let low = first
  let high = firstRow(index, at + 1)
  while (low < high) {
    const middle = (low + high) >>> 1
    if (table.asns[middle]! > asn) high = middle
    else low = middle + 1
  }
  return low > first && table.asns[low - 1] === asn ? low - 1 : -1
}

function compareRest(index: PrefixIndex, at: number, words: Uint32Array, length: number): number {
  for (let word = 0; word < index.rest.length; word += 1) {
    const difference = index.rest[word]![at]! - words[word + 1]!
    if (difference !== 0) return difference
  }
  return index.records[at * 4 + 1]! - length
}

/** Whether they agree beyond the first word. */
function containsRest(index: PrefixIndex, at: number, bits: number, words: Uint32Array): boolean {
  let word = 1
  for (; bits - word * 32 >= 32; word += 1) {
    if (index.rest[word - 1]![at] !== words[word]) return false
  }
  const left = bits - word * 32
  return left <= 0 || (index.rest[word - 1]![at]! ^ words[word]!) >>> (32 - left) === 0
}

function startsOf(table: VrpTable): Uint32Array {
  const columns = [...table.words, table.lengths]
  const starts = new Uint32Array(table.size + 1)
  let prefixes = 0
  for (let row = 0; row < table.size; row += 1) {
    if (row > 0 && columns.every((column) => column[row] === column[row - 1])) continue
    starts[prefixes] = row
    prefixes += 1
  }
  starts[prefixes] = table.size
  return starts.slice(0, prefixes + 1)
}

/** The network of a row, into `words`. */
export function copyWords(table: VrpTable, row: number, words: Uint32Array): void {
  for (let word = 0; word < table.words.length; word += 1) words[word] = table.words[word]![row]!
}
