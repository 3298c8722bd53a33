import { addressBits, comparePrefixes, type Family, families, type Prefix, prefixOf } from '../net/prefix.ts'
import type { PrefixRange } from '../net/prefix-range.ts'

/**
 * The fewest ranges that match exactly the prefixes that `ranges` match, sorted by prefix and then by length.
 *
 * Think of the tree of all prefixes. A range matches whole levels below its prefix, so at each prefix only its
 * `full` levels count: those of which every member below it is wanted. A level that is full at the parent too is
 * better matched there, once instead of twice; one that is not has to be matched here, together with its run of
 * neighboring full levels. What stays `open` goes up. Only where a run of levels falls into several at the
 * parent is it unknown which of the two is cheaper: then both ways are followed.
 */
export function aggregateRanges(ranges: readonly PrefixRange[]): PrefixRange[] {
  return families.flatMap((family) => {
    const items = itemsOf(ranges.filter((range) => range.prefix.family === family))
    if (items.length === 0) return []
    const root = solve(items, 0, items.length, 0n, family)
    let best: Way | null = null
    for (const way of root.ways) {
      const whole = matchAt(root, way, runsOf(root.full))
      if (best === null || whole.count < best.count) best = whole
    }
    return collect(best!.matched).sort(compareRanges)
  })
}

/** Sets of prefix lengths, bit n for length n: IPv6 has 129 of them. */
type Levels = bigint

interface Item {
  readonly prefix: Prefix
  /** What is wanted below it. */
  readonly levels: Levels
}

/** One way to match all that is wanted below a prefix but for its `open` levels. */
interface Way {
  readonly open: Levels
  readonly count: number
  readonly matched: Matched
}
type Matched = null | PrefixRange | readonly [Matched, Matched]

/** The prefix of `length` bits around `within`: most of them are never printed, so it is not made yet. */
interface Solved {
  readonly within: Prefix
  readonly length: number
  readonly full: Levels
  readonly ways: readonly Way[]
}

/** More than are ever seen outside of inputs made for it; beyond, the result is exact, but maybe not the fewest. */
const mostWays = 16

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

/** @param inherited levels that are wanted at the whole of something above */
function solve(
  items: readonly Item[],
  start: number,
  end: number,
  inherited: Levels,
  family: Family,
): Solved {
  const first = items[start]!.prefix
  const shared = sharedBits(first, items[end - 1]!.prefix)
  const isItem = first.length <= shared
  const length = isItem ? first.length : shared
  const wanted = (inherited | (isItem ? items[start]!.levels : 0n)) & levelsFrom(length)
  const below = isItem ? start + 1 : start
  const nothing: Solved = {
    within: first,
    length,
    full: wanted,
    ways: [{ open: wanted, count: 0, matched: null }],
  }
  if (below === end) return nothing

  const middle = firstWithBit(items, below, end, length)
  const left = middle === below ? nothing : solve(items, below, middle, wanted, family)
  const right = middle === end ? nothing : solve(items, middle, end, wanted, family)
  const own = wanted & levelOf(length)
  // A child further down leaves subtrees beside the way to it, where nothing but `wanted` is full.
  const areBothNext = left.length === length + 1 && right.length === length + 1
  const full = areBothNext ? own | (left.full & right.full) : wanted
  const ways: Way[] = []
  for (const a of lift(left, full, areBothNext)) {
    for (const b of lift(right, full, areBothNext)) {
      const open = areBothNext ? own | a.open | b.open : wanted
      ways.push({ open, count: a.count + b.count, matched: join(a.matched, b.matched) })
    }
  }
  return { within: first, length, full, ways: prune(ways, full) }
}

/** Matches at `child` what can't be left to its parent, and also what it may be cheaper not to leave to it. */
function lift(child: Solved, parentFull: Levels, isNext: boolean): readonly Way[] {
  const runs = runsOf(child.full)
  const parentRuns = isNext ? runsOf(parentFull) : []
  const lifted = child.ways.flatMap((way) => {
    const forced = runs.filter((run) => (run & way.open & ~parentFull) !== 0n)
    let ways = [matchAt(child, way, forced)]
    for (const run of runs) {
      const open = run & ways[0]!.open
      if (parentRuns.filter((parentRun) => (parentRun & open) !== 0n).length < 2) continue
      ways = ways.flatMap((one) => [one, matchAt(child, one, [run])]).slice(0, mostWays)
    }
    return ways
  })
  return prune(lifted, parentFull)
}

function matchAt(node: Solved, way: Way, runs: readonly Levels[]): Way {
  let { open, count, matched } = way
  for (const run of runs) {
    const levels = run & open
    if (levels === 0n) continue
    open &= ~run
    count += 1
    const prefix =
      node.length === node.within.length ? node.within : prefixOf(node.within.network, node.length)
    const range = { prefix, minLength: lowest(levels), maxLength: bitLength(levels) - 1 }
    matched = join(matched, range)
  }
  return { open, count, matched }
}

/** Leaves out each way that another one can become at no higher cost, by matching here. */
function prune(ways: readonly Way[], full: Levels): readonly Way[] {
  if (ways.length === 1) return ways
  const runs = runsOf(full)
  const costOf = (levels: Levels) => runs.filter((run) => (run & levels) !== 0n).length
  const sorted = ways
    .map((way) => ({ way, whole: way.count + costOf(way.open) }))
    .sort((a, b) => a.whole - b.whole || a.way.count - b.way.count)
  const kept: Way[] = []
  for (const { way } of sorted) {
    if (kept.length === mostWays) break
    if (!kept.some((one) => one.count + costOf(one.open & ~way.open) <= way.count)) kept.push(way)
  }
  return kept
}

function join(a: Matched, b: Matched): Matched {
  if (a === null) return b
  return b === null ? a : [a, b]
}

function collect(matched: Matched): PrefixRange[] {
  const ranges: PrefixRange[] = []
  const waiting = [matched]
  while (waiting.length > 0) {
    const one = waiting.pop()!
    if (one === null) continue
    if ('prefix' in one) ranges.push(one)
    else waiting.push(...one)
  }
  return ranges
}

const compareRanges = (a: PrefixRange, b: PrefixRange) =>
  comparePrefixes(a.prefix, b.prefix) || a.minLength - b.minLength

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

const lowest = (levels: Levels) => bitLength(levels & -levels) - 1

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
