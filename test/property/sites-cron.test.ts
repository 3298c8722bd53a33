import fc from 'fast-check'
import { createTask, validate } from 'node-cron'
import { expect, test, vi } from 'vitest'
import { createCronTimes, readSchedule } from '../../src/manifest/cron.ts'

// Hundreds of runs, on a machine that may be busy.
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

test('a schedule that the YAML accepts is accepted by node-cron', () => {
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

const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe']
const runs = fc.record({
  minute: fc.oneof(fc.nat(59).map(String), fc.constant('*/20')),
  hour: fc.oneof(fc.nat(23).map(String), fc.constant('*/6')),
  dayOfMonth: fc.oneof(
    fc.constant('*'),
    fc.integer({ min: 1, max: 28 }).map((first) => `${first}-${first + 3}`),
  ),
  month: fc.oneof(fc.constant('*'), fc.integer({ min: 1, max: 12 }).map(String)),
  weekday: fc.oneof(fc.constant('*'), fc.nat(7).map(String)),
})

test('a schedule has exactly the times of node-cron', () => {
  fc.assert(
    fc.property(
      runs,
      fc.constantFrom(...zones),
      fc.integer({ min: 1_700_000_000, max: 2_000_000_000 }),
      ({ minute, hour, dayOfMonth, month, weekday }, timezone, second) => {
        const text = `${minute} ${hour} ${dayOfMonth} ${month} ${weekday}`
        const reading = readSchedule(text)
        if (!reading.ok) return
        const cron = createTask(text, () => {}, { timezone })
        const from = second * 1000
        vi.setSystemTime(from)
        const next = createCronTimes(text, timezone).nextAfter(from)!
        // The nights of a clock change are not tested: there node-cron skips, repeats, or throws.
        if (isNearChange(next, timezone)) return
        const theirs = cron.getNextRuns(1)[0]!.getTime()
        if (isNearChange(theirs, timezone)) return
        expect([text, timezone, from, next]).toEqual([text, timezone, from, theirs])
        expect(cron.match(new Date(next))).toBe(true)
      },
    ),
    { numRuns: 500 },
  )
  vi.useRealTimers()
})

function isNearChange(instant: number, timezone: string): boolean {
  const format = new Intl.DateTimeFormat('en', { timeZone: timezone, timeZoneName: 'longOffset' })
  const offset = (at: number) => format.formatToParts(at).find(({ type }) => type === 'timeZoneName')!.value
  return offset(instant - 86_400_000) !== offset(instant + 86_400_000)
}
