import fc from 'fast-check'
import { validate } from 'node-cron'
import { expect, test, vi } from 'vitest'
import { readSchedule } from '../../src/sites/cron.ts'

// Hundreds of runs, on a machine that others use too.
vi.setConfig({ testTimeout: 120_000 })

const number = fc.nat(61).map(String)
const word = fc.constantFrom('jan', 'FEB', 'dec', 'sun', 'Sat', 'x', '')
const value = fc.oneof({ weight: 6, arbitrary: number }, word)
const item = fc.oneof(
  { weight: 4, arbitrary: fc.constant('*') },
  { weight: 3, arbitrary: value },
  fc.tuple(value, value).map(([from, to]) => `${from}-${to}`),
  fc.tuple(fc.constant('*'), fc.nat(70)).map(([from, step]) => `${from}/${step}`),
  fc.tuple(value, value, fc.nat(30)).map(([from, to, step]) => `${from}-${to}/${step}`),
)
const field = fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => items.join(','))
const schedule = fc.oneof(
  fc.array(field, { minLength: 4, maxLength: 6 }).map((fields) => fields.join(' ')),
  fc
    .tuple(fc.nat(59), fc.nat(23), fc.integer({ min: 1, max: 31 }), fc.integer({ min: 1, max: 12 }))
    .map((numbers) => `${numbers.join(' ')} *`),
)

test('a schedule that the YAML may say is one that node-cron takes', () => {
  let taken = 0
  fc.assert(
    fc.property(schedule, (text) => {
      const reading = readSchedule(text)
      if (!reading.ok) return
      taken += 1
      expect([reading.value, validate(reading.value)]).toEqual([reading.value, true])
    }),
    { numRuns: 5000 },
  )
  expect(taken).toBeGreaterThan(500)
})
