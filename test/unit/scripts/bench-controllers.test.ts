import { expect, test } from 'vitest'

interface Times {
  readonly rounds: readonly (number | null)[]
  readonly noticed: number
  readonly minMs: number | null
  readonly medianMs: number | null
  readonly maxMs: number | null
}

const figures = new URL('../../../scripts/bench/controllers/figures.mjs', import.meta.url).href
const { alignTable, describeTimes, summarize } = (await import(figures)) as {
  alignTable: (rows: readonly (readonly string[])[]) => string[]
  describeTimes: (times: Times, patienceMs: number) => string
  summarize: (rounds: readonly (number | null)[]) => Times
}

test('a round without a detection counts as the slowest, and is part of the median', () => {
  expect(summarize([30, null, 10])).toEqual({
    rounds: [30, null, 10],
    noticed: 2,
    minMs: 10,
    medianMs: 30,
    maxMs: null,
  })
  expect(summarize([null, 10, null]).medianMs).toBeNull()
  expect(summarize([10, 20, null, null]).medianMs).toBeNull()
  expect(summarize([4, 1, 3, 2]).medianMs).toBe(2.5)
})

test.each([
  [[null], 'not in 20 s'],
  [[300.4, null, 200.2], '2 of 3, first 200'],
  [[12.34, 8, 870.4], '12.3 (8-870)'],
])('the rounds %j are described as "%s"', (rounds, text) => {
  expect(describeTimes(summarize(rounds), 20_000)).toBe(text)
})

test('figures are aligned', () => {
  expect(
    alignTable([
      ['', 'ms'],
      ['loop', '1234'],
    ]),
  ).toEqual(['        ms', 'loop  1234'])
})
