import { describe, expect, test } from 'vitest'
import { createCalendar } from '../../../../src/node/controller/services/calendar.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const at = (iso: string) => Date.parse(iso)
const iso = (wall: number) => new Date(wall).toISOString()
const window = (cron: string, durationMs: number, timezone = 'UTC') => ({ cron, durationMs, timezone })

/** The active and the next window, as text. */
function windowsAt(windows: Parameters<typeof createCalendar>[0], wall: string) {
  const { active, next } = createCalendar(windows).at(at(wall))
  return {
    active: active === null ? null : `${iso(active.start)} ${iso(active.until)}`,
    next: next === null ? null : `${iso(next.start)} ${iso(next.until)}`,
  }
}

test('a calendar without windows has no active and no next window', () => {
  expect(windowsAt([], '2026-11-23T00:00:00Z')).toEqual({ active: null, next: null })
})

test('the next window is known before it begins', () => {
  expect(windowsAt([window('0 3 * * sun', 2 * hourMs)], '2026-11-23T00:00:00Z')).toEqual({
    active: null,
    next: '2026-11-29T03:00:00.000Z 2026-11-29T05:00:00.000Z',
  })
})

test('a controller that starts in the middle of a window finds it', () => {
  expect(windowsAt([window('0 3 * * sun', 2 * hourMs)], '2026-11-29T04:59:59Z')).toEqual({
    active: '2026-11-29T03:00:00.000Z 2026-11-29T05:00:00.000Z',
    next: '2026-12-06T03:00:00.000Z 2026-12-06T05:00:00.000Z',
  })
})

test('a window includes its first moment, and not its last', () => {
  const windows = [window('0 3 * * *', hourMs)]
  expect(windowsAt(windows, '2026-11-29T03:00:00Z').active).toBe(
    '2026-11-29T03:00:00.000Z 2026-11-29T04:00:00.000Z',
  )
  expect(windowsAt(windows, '2026-11-29T04:00:00Z').active).toBe(null)
})

test('windows that overlap, or meet, are one', () => {
  const windows = [
    window('0 3 * * *', 2 * hourMs),
    window('0 4 * * *', 2 * hourMs),
    window('0 6 * * *', hourMs),
  ]
  expect(windowsAt(windows, '2026-11-29T03:30:00Z')).toEqual({
    active: '2026-11-29T03:00:00.000Z 2026-11-29T07:00:00.000Z',
    next: '2026-11-29T04:00:00.000Z 2026-11-29T06:00:00.000Z',
  })
  expect(windowsAt(windows, '2026-11-29T04:30:00Z').active).toBe(
    '2026-11-29T04:00:00.000Z 2026-11-29T07:00:00.000Z',
  )
})

test('windows without an end keep the node in maintenance, and cost no time', () => {
  const calendar = createCalendar([window('* * * * *', minuteMs)])
  for (let wall = at('2026-11-29T03:00:30Z'); wall < at('2026-12-02T00:00:00Z'); ) {
    const { active } = calendar.at(wall)
    expect(active!.until - wall).toBeGreaterThan(12 * hourMs)
    wall = active!.until
  }
})

describe('when the clocks change', () => {
  test('a window that begins in the skipped hour begins as long after midnight as on other days', () => {
    expect(windowsAt([window('30 2 * * *', hourMs, 'Europe/Berlin')], '2027-03-28T00:00:00Z').next).toBe(
      '2027-03-28T01:30:00.000Z 2027-03-28T02:30:00.000Z',
    )
  })

  test('a window that begins in the repeated hour begins once', () => {
    const windows = [window('30 2 * * *', 10 * minuteMs, 'Europe/Berlin')]
    expect(windowsAt(windows, '2026-10-24T22:30:00Z').next).toBe(
      '2026-10-25T00:30:00.000Z 2026-10-25T00:40:00.000Z',
    )
    expect(windowsAt(windows, '2026-10-25T01:35:00Z')).toEqual({
      active: null,
      next: '2026-10-26T01:30:00.000Z 2026-10-26T01:40:00.000Z',
    })
  })

  test('on other days a window begins at the local time of its zone', () => {
    const windows = [window('0 3 * * *', hourMs, 'America/New_York')]
    expect(windowsAt(windows, '2026-10-31T12:00:00Z').next).toMatch(/^2026-11-01T08/)
    expect(windowsAt(windows, '2026-10-31T06:00:00Z').next).toMatch(/^2026-10-31T07/)
  })
})

test('a day of the month and a day of the week must both hold', () => {
  expect(windowsAt([window('0 3 1-7 * sun', hourMs)], '2026-11-08T00:00:00Z').next).toMatch(/^2026-12-06T03/)
})

test('after a jump of the wall clock, forward or back, the calendar follows it', () => {
  const calendar = createCalendar([window('0 3 * * *', hourMs)])
  const isActive = (wall: string) => calendar.at(at(wall)).active !== null
  expect([
    isActive('2026-11-29T02:59:59.999Z'),
    isActive('2026-11-29T03:00:00Z'),
    isActive('2026-11-29T02:30:00Z'),
    isActive('2026-11-29T03:00:00Z'),
    isActive('2036-01-01T12:00:00Z'),
    isActive('1970-01-02T03:30:00Z'),
    isActive('2026-11-29T04:00:00Z'),
  ]).toEqual([false, true, false, true, false, true, false])
})

test('the result is not computed again before it can change', () => {
  const calendar = createCalendar([window('0 3 * * *', hourMs)])
  const first = calendar.at(at('2026-11-29T03:00:00Z'))
  expect(calendar.at(at('2026-11-29T03:59:59Z'))).toBe(first)
  expect(calendar.at(at('2026-11-29T04:00:00Z'))).not.toBe(first)
})
