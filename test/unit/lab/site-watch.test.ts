import { expect, test } from 'vitest'
import { type Absence, leastAnnouncing } from '../../../src/lab/scenario/site-watch.ts'

const absent = (site: string, fromMs: number, untilMs: number): Absence => ({ site, fromMs, untilMs })

test.for<[string, readonly Absence[], number]>([
  ['none is absent', [], 3],
  ['two are absent one after the other', [absent('a', 0, 10), absent('b', 10, 20)], 2],
  ['two are absent at one moment', [absent('a', 0, 10), absent('b', 9, 20)], 1],
  ['one is absent twice meanwhile', [absent('a', 0, 30), absent('b', 5, 10), absent('b', 20, 25)], 1],
  ['it was seen without a route only once', [absent('a', 5, 5), absent('b', 0, 20)], 2],
])('of three sites, where %s', ([, absences, least]) => {
  expect(leastAnnouncing(3, absences)).toBe(least)
})
