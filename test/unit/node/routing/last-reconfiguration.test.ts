import { expect, test } from 'vitest'
import { isLater, readLastReconfiguration } from '../../../../src/node/routing/bird/configure.ts'

const status = (now: string, last: string) => `BIRD 2.17.6
Router ID is 10.0.0.1
Hostname is node
Current server time is ${now}
Last reboot on 2026-11-29 04:00:00.000
Last reconfiguration on ${last}
Daemon is up and running`

const first = readLastReconfiguration(
  status('2026-11-29 04:10:00.100', '2026-11-29 04:10:00.000'),
  5000,
  5001,
)
const isLaterThanFirst = (now: string, last: string, askedAt: number) =>
  isLater(readLastReconfiguration(status(now, last), askedAt, askedAt + 1), first)

test('one reconfiguration is the same, although BIRD prints its time a millisecond later', () => {
  expect(isLaterThanFirst('2026-11-29 04:10:02.101', '2026-11-29 04:10:00.001', 7000)).toBe(false)
  expect(isLaterThanFirst('2026-11-29 04:10:02.099', '2026-11-29 04:09:59.999', 7000)).toBe(false)
})

test('one reconfiguration is the same after a step of the clock, in both directions', () => {
  expect(isLaterThanFirst('2026-11-29 05:10:02.100', '2026-11-29 05:10:00.000', 7000)).toBe(false)
  expect(isLaterThanFirst('2026-11-29 03:10:02.100', '2026-11-29 03:10:00.000', 7000)).toBe(false)
})

test('another reconfiguration is later, also after a step of the clock', () => {
  expect(isLaterThanFirst('2026-11-29 04:10:02.100', '2026-11-29 04:10:01.000', 7000)).toBe(true)
  expect(isLaterThanFirst('2026-11-29 03:10:02.100', '2026-11-29 03:10:01.000', 7000)).toBe(true)
})

test('times without fractions have an error of a second; those without a date are not read', () => {
  const rough = (last: string, askedAt: number) =>
    readLastReconfiguration(status('2026-11-29 04:10:05', last), askedAt, askedAt)
  expect(isLater(rough('2026-11-29 04:10:00', 10_000), rough('2026-11-29 04:09:59', 10_000))).toBe(false)
  expect(isLater(rough('2026-11-29 04:10:04', 10_000), rough('2026-11-29 04:09:59', 10_000))).toBe(true)
  expect(isLaterThanFirst('04:10:02', '04:10:01', 7000)).toBe(false)
})
