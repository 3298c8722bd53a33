import type { VrpTable } from './vrp-table.ts'

/** The distinct prefixes of a table, each with the next shorter one that contains it. */
export interface PrefixIndex {
  /** The first row of each prefix, and at the end the number of rows. */
  readonly starts: Uint32Array
  /** -1: none contains it. */
  readonly parents: Int32Array
}

export function indexPrefixes(table: VrpTable): PrefixIndex {
  const starts = new Uint32Array(table.size + 1)
  const parents = new Int32Array(table.size)
  const words = new Uint32Array(table.words.length)
  let prefixes = 0
  for (let row = 0; row < table.size; row += 1) {
    if (prefixes > 0 && isSamePrefix(table, starts[prefixes - 1]!, row)) continue
    copyWords(table, row, words)
    // In this order whatever contains a prefix contains all that stands between the two.
    let parent = prefixes - 1
    while (parent !== -1 && !rowContains(table, starts[parent]!, words, table.lengths[row]!)) {
      parent = parents[parent]!
    }
    parents[prefixes] = parent
    starts[prefixes] = row
    prefixes += 1
  }
  starts[prefixes] = table.size
  return { starts: starts.slice(0, prefixes + 1), parents: parents.slice(0, prefixes) }
}

/** The longest prefix of the index that contains this one, or -1; its parents are all the others. */
export function findLongest(
  table: VrpTable,
  { starts, parents }: PrefixIndex,
  words: Uint32Array,
  length: number,
): number {
  let low = 0
  let high = parents.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareWith(table, starts[middle]!, words, length) > 0) high = middle
    else low = middle + 1
  }
  let found = low - 1
  while (found !== -1 && !rowContains(table, starts[found]!, words, length)) found = parents[found]!
  return found
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

function compareWith(table: VrpTable, row: number, words: Uint32Array, length: number): number {
  for (let word = 0; word < table.words.length; word += 1) {
    const difference = table.words[word]![row]! - words[word]!
    if (difference !== 0) return difference
  }
  return table.lengths[row]! - length
}

function rowContains(table: VrpTable, row: number, words: Uint32Array, length: number): boolean {
  const bits = table.lengths[row]!
  if (bits > length) return false
  let word = 0
  for (; bits - word * 32 >= 32; word += 1) {
    if (table.words[word]![row] !== words[word]) return false
  }
  const rest = bits - word * 32
  return rest === 0 || (table.words[word]![row]! ^ words[word]!) >>> (32 - rest) === 0
}

function isSamePrefix(table: VrpTable, row: number, other: number): boolean {
  return (
    table.lengths[row] === table.lengths[other] &&
    table.words.every((column) => column[row] === column[other])
  )
}

/** The network of a row, into `words`. */
export function copyWords(table: VrpTable, row: number, words: Uint32Array): void {
  for (let word = 0; word < table.words.length; word += 1) words[word] = table.words[word]![row]!
}
