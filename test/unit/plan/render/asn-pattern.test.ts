import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bogonAsns } from '../../../../src/plan/policy/asn-ranges.ts'
import { patternOf } from '../../../../src/plan/render/asn-pattern.ts'

test('a range becomes blocks of digits', () => {
  expect(patternOf({ first: 64496, last: 64511 })).toBe('6449[6-9]|6450[0-9]|6451[01]')
  expect(patternOf({ first: 0, last: 0 })).toBe('0')
})

test('a pattern matches exactly the numbers of its range', () => {
  const asn = fc.oneof(fc.nat(200), fc.nat(4294967295))
  fc.assert(
    fc.property(asn, asn, fc.array(fc.nat(4294967295)), (one, other, samples) => {
      const first = Math.min(one, other)
      const last = Math.max(one, other)
      const pattern = new RegExp(`^(${patternOf({ first, last })})$`)
      const edges = [first, first + 1, last - 1, last, first - 1, last + 1].filter((edge) => edge >= 0)
      for (const sample of [...edges, ...samples, ...samples.map((sample) => sample % (last + 2))]) {
        expect(pattern.test(String(sample)), String(sample)).toBe(sample >= first && sample <= last)
      }
    }),
    { numRuns: 500 },
  )
})

test('the patterns of the bogon numbers stay short', () => {
  for (const range of bogonAsns) expect(patternOf(range).length).toBeLessThan(250)
})
