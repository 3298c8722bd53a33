import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Address, addressBits, type Family, families, prefixOf } from '../../src/net/prefix.ts'
import type { PrefixRange } from '../../src/net/prefix-range.ts'
import { aggregateRanges } from '../../src/plan/irr/aggregate.ts'
import { readIrrSet } from '../../src/plan/irr/read-set.ts'
import { meaningOf } from '../unit/plan/irr/meaning.ts'

/** Prefixes close to one another, which can be aggregated, or anywhere. */
const rangeIn = (family: Family, baseLength: number, spread: number): fc.Arbitrary<PrefixRange> =>
  fc
    .record({
      length: fc.integer({ min: baseLength, max: baseLength + spread }),
      place: fc.integer({ min: 0, max: 2 ** spread - 1 }),
      more: fc.tuple(fc.nat(3), fc.nat(4)),
    })
    .map(({ length, place, more: [from, to] }) => {
      const bits = addressBits(family)
      const value = BigInt(place) << BigInt(bits - baseLength - spread)
      const minLength = Math.min(bits, length + from)
      return {
        prefix: prefixOf(new Address(family, value), length),
        minLength,
        maxLength: Math.min(bits, minLength + to),
      }
    })

const rangesArbitrary = fc
  .record({
    family: fc.constantFrom(...families),
    baseLength: fc.constantFrom(0, 3, 8, 20),
    spread: fc.integer({ min: 1, max: 9 }),
  })
  .chain(({ family, baseLength, spread }) =>
    fc.array(rangeIn(family, baseLength, spread), { maxLength: 60, size: 'max' }),
  )

test('aggregation keeps the meaning exactly, and never makes a list longer', () => {
  fc.assert(
    fc.property(rangesArbitrary, rangesArbitrary, (some, others) => {
      const ranges = [...some, ...others]
      const aggregated = aggregateRanges(ranges)
      expect(meaningOf(aggregated)).toEqual(meaningOf(ranges))
      expect(aggregated.length).toBeLessThanOrEqual(ranges.length)
    }),
    { numRuns: 500 },
  )
})

test('aggregating an aggregated list, in any order, changes nothing', () => {
  fc.assert(
    fc.property(
      rangesArbitrary.chain((ranges) => fc.shuffledSubarray(aggregateRanges(ranges), { minLength: 0 })),
      rangesArbitrary,
      (part, ranges) => {
        const once = aggregateRanges([...part, ...ranges])
        expect(aggregateRanges([...once].reverse())).toEqual(once)
      },
    ),
    { numRuns: 200 },
  )
})

test('100,000 prefixes are aggregated exactly', () => {
  // An own generator: deterministic, and fast.
  let seed = 1
  const next = (below: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % below
  }
  for (const family of families) {
    const bits = addressBits(family)
    const ranges = Array.from({ length: 100_000 }, () => {
      const length = 13 + next(6)
      const prefix = prefixOf(new Address(family, BigInt(next(2 ** 18)) << BigInt(bits - 18)), length)
      return { prefix, minLength: length, maxLength: length }
    })
    const aggregated = aggregateRanges(ranges)
    expect(aggregated.length).toBeLessThan(ranges.length * 0.7)
    expect(meaningOf(aggregated)).toEqual(meaningOf(ranges))
  }
}, 120_000)

test('any text is read as an IRR set without a crash, and the result can be aggregated', () => {
  const piece = fc.constantFrom(
    ...[
      '192.0.2.0/24',
      '2001:db8::/32',
      '10.0.0.0/8 ge 9 le 24',
      '0.0.0.0/0',
      '10.0.0.1/8',
      ' ge 24',
      ' le 33',
    ],
    ...[
      '{',
      '}',
      '[',
      ']',
      '"prefix":',
      '"exact": true',
      ',',
      ':',
      'null',
      '-1',
      '"',
      '#',
      '\n',
      '\r\n',
      '\0',
      '/',
      '::',
    ],
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(piece).map((pieces) => pieces.join('')),
    fc.json(),
    fc
      .array(
        fc.record({
          prefix: fc.oneof(piece, fc.string()),
          'less-equal': fc.oneof(fc.integer(), fc.double()),
        }),
      )
      .map((entries) => JSON.stringify({ NN: entries })),
  )
  fc.assert(
    fc.property(text, fc.constantFrom(...families), (written, family) => {
      const set = readIrrSet(written, family)
      if (!set.ok) return
      expect(set.value.ranges.every(({ prefix }) => prefix.family === family)).toBe(true)
      expect(meaningOf(aggregateRanges(set.value.ranges))).toEqual(meaningOf(set.value.ranges))
    }),
    { numRuns: 2000 },
  )
})
