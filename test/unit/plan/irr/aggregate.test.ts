import { describe, expect, test } from 'vitest'
import { formatRange, type PrefixRange, parseRange, rangeContains } from '../../../../src/net/prefix-range.ts'
import { aggregateRanges } from '../../../../src/plan/irr/aggregate.ts'

const range = (text: string): PrefixRange => {
  const parsed = parseRange(text)
  if (!parsed.ok) throw new Error(`${text} ${parsed.problem}`)
  return parsed.value
}
const aggregate = (texts: readonly string[]) => aggregateRanges(texts.map(range)).map(formatRange)

describe('aggregated prefix ranges', () => {
  const examples: readonly [what: string, given: string[], expected: string[]][] = [
    ['nothing', [], []],
    ['one prefix', ['192.0.2.0/24'], ['192.0.2.0/24']],
    ['the same prefix twice', ['192.0.2.0/24', '192.0.2.0/24'], ['192.0.2.0/24']],
    ['halves without their whole', ['10.0.0.0/9', '10.128.0.0/9'], ['10.0.0.0/8 ge 9 le 9']],
    ['halves and their whole', ['10.0.0.0/9', '10.0.0.0/8', '10.128.0.0/9'], ['10.0.0.0/8 le 9']],
    [
      'adjacent prefixes without a common parent',
      ['10.1.0.0/16', '10.2.0.0/16'],
      ['10.1.0.0/16', '10.2.0.0/16'],
    ],
    [
      'four quarters',
      ['10.0.0.0/10', '10.64.0.0/10', '10.128.0.0/10', '10.192.0.0/10'],
      ['10.0.0.0/8 ge 10 le 10'],
    ],
    [
      'a whole and its quarters, without halves',
      ['10.0.0.0/8', '10.0.0.0/8 ge 10 le 10'],
      ['10.0.0.0/8', '10.0.0.0/8 ge 10 le 10'],
    ],
    [
      'a range within a range',
      ['10.0.0.0/8 le 24', '10.3.0.0/16', '10.3.0.0/16 ge 20 le 22'],
      ['10.0.0.0/8 le 24'],
    ],
    [
      'ranges that overlap in length',
      ['10.0.0.0/8 ge 12 le 16', '10.0.0.0/8 ge 14 le 20'],
      ['10.0.0.0/8 ge 12 le 20'],
    ],
    ['ranges that touch in length', ['10.0.0.0/8 le 12', '10.0.0.0/8 ge 13 le 16'], ['10.0.0.0/8 le 16']],
    [
      'a level that both halves have to match anyway',
      ['10.0.0.0/9 le 10', '10.128.0.0/9 ge 10 le 11'],
      ['10.0.0.0/9 le 10', '10.128.0.0/9 ge 10 le 11'],
    ],
    [
      'a level that one half has to match anyway',
      ['10.0.0.0/9 ge 10 le 10', '10.128.0.0/9 ge 10 le 11'],
      ['10.0.0.0/8 ge 10 le 10', '10.128.0.0/9 ge 10 le 11'],
    ],
    [
      'both families',
      ['2001:db8::/33', '192.0.2.0/24', '2001:db8:8000::/33'],
      ['192.0.2.0/24', '2001:db8::/32 ge 33 le 33'],
    ],
    ['hosts', ['192.0.2.1/32', '192.0.2.0/32'], ['192.0.2.0/31 ge 32']],
    ['IPv6 hosts', ['::/128', '::1/128', '::/127'], ['::/127 le 128']],
    ['everything', ['0.0.0.0/1 le 32', '128.0.0.0/1 le 32', '0.0.0.0/0'], ['0.0.0.0/0 le 32']],
  ]
  test.each(examples)('%s', (_, given, expected) => {
    expect(aggregate(given)).toEqual(expected)
    expect(aggregate([...given].reverse())).toEqual(expected)
  })

  test('are as few as possible, for each of the 128 sets of prefixes in three levels', () => {
    const universe = aUniverse(3)
    for (let wanted = 0; wanted < 2 ** universe.prefixes.length; wanted += 1) {
      const ours = aggregateRanges(universe.prefixes.filter((_, index) => wanted & (1 << index)))
      expect(universe.maskOf(ours), `set ${wanted}`).toBe(wanted)
      expect(ours.length, `set ${wanted}: ${ours.map(formatRange).join(', ')}`).toBe(universe.fewest(wanted))
    }
  })

  test('are as few as possible, for sets of four levels', () => {
    const universe = aUniverse(4)
    for (let wanted = 0; wanted < 2 ** universe.prefixes.length; wanted += 37) {
      const ours = aggregateRanges(universe.prefixes.filter((_, index) => wanted & (1 << index)))
      expect(universe.maskOf(ours), `set ${wanted}`).toBe(wanted)
      expect(ours.length, `set ${wanted}: ${ours.map(formatRange).join(', ')}`).toBe(universe.fewest(wanted))
    }
  })
})

/** All prefixes of that many lengths below 10.0.0.0/8, and the smallest number of ranges for a set of them, by trying all. */
function aUniverse(levels: number) {
  const prefixes = Array.from({ length: levels }, (_, level) =>
    Array.from({ length: 2 ** level }, (_, index) => {
      const value = 10 * 2 ** 24 + index * 2 ** (24 - level)
      const octets = [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256)
      return range(`${octets.join('.')}/${8 + level}`)
    }),
  ).flat()
  const maskOf = (ranges: readonly PrefixRange[]) =>
    prefixes.reduce(
      (mask, { prefix }, index) =>
        ranges.some((one) => rangeContains(one, prefix)) ? mask | (1 << index) : mask,
      0,
    )
  const all: number[] = []
  for (const { prefix } of prefixes) {
    for (let minLength = prefix.length; minLength < 8 + levels; minLength += 1) {
      for (let maxLength = minLength; maxLength < 8 + levels; maxLength += 1) {
        all.push(maskOf([{ prefix, minLength, maxLength }]))
      }
    }
  }
  const fewest = (wanted: number) => {
    const usable = all.filter((mask) => (mask & ~wanted) === 0)
    const useful = usable.filter((mask) => !usable.some((other) => other !== mask && (mask & ~other) === 0))
    let best = prefixes.length
    const search = (left: number, used: number) => {
      if (left === 0) best = Math.min(best, used)
      if (left === 0 || used + 1 >= best) return
      const lowest = left & -left
      for (const mask of useful) if (mask & lowest) search(left & ~mask, used + 1)
    }
    search(wanted, 0)
    return best
  }
  return { prefixes, maskOf, fewest }
}
