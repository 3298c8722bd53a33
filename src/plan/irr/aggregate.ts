import { addressBits, comparePrefixes, families, type Prefix, prefixOf } from '../../net/prefix.ts'
import type { PrefixRange } from '../../net/prefix-range.ts'

/**
 * The fewest ranges that match exactly the prefixes that `ranges` match, sorted by prefix and then by length.
 *
 * In the tree of all prefixes a range matches whole levels below its prefix, so at each prefix only its full
 * levels count: those of which all that lies below it is wanted. A level that is full at the parent too is best
 * left to the parent, which then matches it once instead of twice. One that is not has to be matched here or
 * further down, and together with it all of its run of neighboring full levels, at no further cost.
 *
 * That this is the fewest rests on one thing: what is matched below a prefix takes of each of its runs all levels
 * from some depth on, so what remains of a run has no gaps and costs its parent at most one range.
 */
export function aggregateRanges(ranges: readonly PrefixRange[]): PrefixRange[] {
  const matched: PrefixRange[] = []
  for (const family of families) {
    const items = itemsOf(ranges.filter((range) => range.prefix.family === family))
    if (items.length === 0) continue
    const root = visit(items, 0, items.length, noLevels, matched)
    matchWhatCannotWait(root, noLevels, matched)
  }
  return matched.sort((a, b) => comparePrefixes(a.prefix, b.prefix) || a.minLength - b.minLength)
}

/** Sets of prefix lengths, bit n for length n: IPv6 has 129 of them. */
type Levels = bigint
const noLevels: Levels = 0n

interface Item {
  readonly prefix: Prefix
  /** What is wanted below it. */
  readonly levels: Levels
}

/** Around the prefix of `length` bits within `within`: most of those are never printed, so they are not made. */
interface Subtree {
  readonly within: Prefix
  readonly length: number
  readonly full: Levels
  /** The full levels that are not matched yet. */
  readonly open: Levels
}

/** Each prefix once, a shorter one before what it contains. */
function itemsOf(ranges: readonly PrefixRange[]): Item[] {
  const sorted = [...ranges].sort((a, b) => comparePrefixes(a.prefix, b.prefix))
  const items: Item[] = []
  for (const { prefix, minLength, maxLength } of sorted) {
    const levels = levelsFrom(minLength) & ~levelsFrom(maxLength + 1)
    const last = items.at(-1)
    if (last?.prefix.equals(prefix)) items[items.length - 1] = { prefix, levels: last.levels | levels }
    else items.push({ prefix, levels })
  }
  return items
}

/** @param inherited levels of which everything is wanted at something above */
function visit(
  items: readonly Item[],
  start: number,
  end: number,
  inherited: Levels,
  matched: PrefixRange[],
): Subtree {
  const within = items[start]!.prefix
  const shared = sharedBits(within, items[end - 1]!.prefix)
  const isItem = within.length <= shared
  const length = isItem ? within.length : shared
  const wanted = (inherited | (isItem ? items[start]!.levels : noLevels)) & levelsFrom(length)
  const leaf = { within, length, full: wanted, open: wanted }
  const below = isItem ? start + 1 : start
  if (below === end) return leaf

  const middle = firstWithBit(items, below, end, length)
  const left = middle === below ? leaf : visit(items, below, middle, wanted, matched)
  const right = middle === end ? leaf : visit(items, middle, end, wanted, matched)
  // A child further down has other subtrees beside the way to it, with nothing in them but what is wanted anyway.
  const areBothNext = left.length === length + 1 && right.length === length + 1
  const own = wanted & levelOf(length)
  const full = areBothNext ? own | (left.full & right.full) : wanted
  const open = matchWhatCannotWait(left, full, matched) | matchWhatCannotWait(right, full, matched) | own
  return { within, length, full, open: areBothNext ? open : wanted }
}

/** Matches the runs of which a level is not full at the parent. Returns what is left to the parent. */
function matchWhatCannotWait(subtree: Subtree, parentFull: Levels, matched: PrefixRange[]): Levels {
  let { open } = subtree
  if ((open & ~parentFull) === noLevels) return open
  const { within, length, full } = subtree
  const prefix = length === within.length ? within : prefixOf(within.network, length)
  for (const run of runsOf(full)) {
    const levels = run & open
    if ((levels & ~parentFull) === noLevels) continue
    matched.push({ prefix, minLength: bitLength(levels & -levels) - 1, maxLength: bitLength(levels) - 1 })
    open &= ~run
  }
  return open
}

/** Runs of neighboring levels, each a set of its own. */
function runsOf(levels: Levels): Levels[] {
  const runs: Levels[] = []
  let rest = levels
  while (rest !== 0n) {
    // Adding the lowest bit clears its run and sets the gap above.
    const carried = rest + (rest & -rest)
    runs.push(rest & ~carried)
    rest &= carried
  }
  return runs
}

const levelTable = Array.from({ length: 130 }, (_, length) => 1n << BigInt(length))
const fromTable = levelTable.map((level) => levelTable[129]! - level)
const levelOf = (length: number): Levels => levelTable[length]!
const levelsFrom = (length: number): Levels => fromTable[length]!

function bitLength(value: bigint): number {
  if (value < 0x1_0000_0000n) return 32 - Math.clz32(Number(value))
  const digits = value.toString(16)
  return digits.length * 4 + 28 - Math.clz32(Number.parseInt(digits[0]!, 16))
}

/** How many leading bits two prefixes have in common. */
function sharedBits(a: Prefix, b: Prefix): number {
  const differing = a.network.value ^ b.network.value
  return Math.min(a.length, b.length, addressBits(a.family) - bitLength(differing))
}

/** The first item, from `start` on, whose bit at that depth is 1. */
function firstWithBit(items: readonly Item[], start: number, end: number, depth: number): number {
  const { family } = items[start]!.prefix
  const bit = levelOf(addressBits(family) - 1 - depth)
  let [low, high] = [start, end]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((items[middle]!.prefix.network.value & bit) === 0n) low = middle + 1
    else high = middle
  }
  return low
}
