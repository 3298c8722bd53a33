import type { VrpTable } from './vrp-table.ts'

/** The distinct prefixes of a table, each with the next shorter one that contains it. */
export interface PrefixIndex {
  readonly words: readonly Uint32Array[]
  readonly lengths: Uint8Array
  /** The first row of each prefix, and at the end the number of rows. */
  readonly starts: Uint32Array
  /** -1: none contains it. */
  readonly parents: Int32Array
  /** By the network's first bits, all but `jumpShift` of the first word: the first prefix from there on. */
  readonly jumps: Uint32Array
  readonly jumpShift: number
}

export function indexPrefixes(table: VrpTable): PrefixIndex {
  const starts = startsOf(table)
  const size = starts.length - 1
  const pick = <C extends Uint8Array | Uint32Array>(column: C, picked: C): C => {
    for (let at = 0; at < size; at += 1) picked[at] = column[starts[at]!]!
    return picked
  }
  const words = table.words.map((column) => pick(column, new Uint32Array(size)))
  const lengths = pick(table.lengths, new Uint8Array(size))
  // Some prefixes for each entry, and never so many entries that they leave the processor's cache.
  const jumpShift = 32 - Math.min(20, Math.max(1, 32 - Math.clz32(size)))
  const jumps = new Uint32Array(2 ** (32 - jumpShift) + 1)
  for (let at = 0, entry = 0; entry < jumps.length; entry += 1) {
    while (at < size && words[0]![at]! >>> jumpShift < entry) at += 1
    jumps[entry] = at
  }
  const index = { words, lengths, starts, parents: new Int32Array(size), jumps, jumpShift }
  const own = new Uint32Array(words.length)
  for (let at = 0; at < size; at += 1) {
    for (let word = 0; word < own.length; word += 1) own[word] = words[word]![at]!
    // In this order whatever contains a prefix contains all that stands between the two.
    index.parents[at] = climb(index, at - 1, own, lengths[at]!)
  }
  return index
}

/** The longest prefix of the index that contains this one, or -1; its parents are all the others. */
export function findLongest(index: PrefixIndex, words: Uint32Array, length: number): number {
  const { jumps, jumpShift } = index
  const column = index.words[0]!
  const first = words[0]!
  const jump = first >>> jumpShift
  let low = jumps[jump]!
  let high = jumps[jump + 1]!
  while (low < high) {
    const middle = (low + high) >>> 1
    const known = column[middle]!
    // Most differ in the first word already.
    if (known > first || (known === first && compareRest(index, middle, words, length) > 0)) high = middle
    else low = middle + 1
  }
  return climb(index, low - 1, words, length)
}

function climb(index: PrefixIndex, from: number, words: Uint32Array, length: number): number {
  const { lengths, parents } = index
  const column = index.words[0]!
  const first = words[0]!
  let at = from
  while (at !== -1) {
    const bits = lengths[at]!
    if (bits <= length) {
      const differing = column[at]! ^ first
      // A shift by 32 is one by 0.
      if (bits > 31) {
        if (differing === 0 && containsRest(index, at, bits, words)) return at
      } else if (bits === 0 || differing >>> (32 - bits) === 0) return at
    }
    at = parents[at]!
  }
  return -1
}

/** Of the rows of one prefix the one of that AS with the greatest maxLength, or -1. */
export function findRow(table: VrpTable, { starts }: PrefixIndex, at: number, asn: number): number {
  const first = starts[at]!
  let low = first
  let high = starts[at + 1]!
  while (low < high) {
    const middle = (low + high) >>> 1
    if (table.asns[middle]! > asn) high = middle
    else low = middle + 1
  }
  return low > first && table.asns[low - 1] === asn ? low - 1 : -1
}

function compareRest(index: PrefixIndex, at: number, words: Uint32Array, length: number): number {
  for (let word = 1; word < index.words.length; word += 1) {
    const difference = index.words[word]![at]! - words[word]!
    if (difference !== 0) return difference
  }
  return index.lengths[at]! - length
}

/** Whether they agree beyond the first word. */
function containsRest(index: PrefixIndex, at: number, bits: number, words: Uint32Array): boolean {
  let word = 1
  for (; bits - word * 32 >= 32; word += 1) {
    if (index.words[word]![at] !== words[word]) return false
  }
  const rest = bits - word * 32
  return rest <= 0 || (index.words[word]![at]! ^ words[word]!) >>> (32 - rest) === 0
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
