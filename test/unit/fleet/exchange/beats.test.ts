import { expect, test } from 'vitest'
import { Beats } from '../../../../src/fleet/exchange/beats.ts'

const key = 'beat/fra1/fra1-a'
const beat = (number: number, well = ['vpn']) => JSON.stringify({ number, well })

function counts(beats: Beats, nowMs: number): boolean {
  return beats.saysWell('fra1/fra1-a', 'vpn', nowMs)
}

test('the first beat that a reader sees does not count, because it may be old', () => {
  const beats = new Beats(3000)
  beats.see(key, beat(7), 0)
  expect(counts(beats, 0)).toBe(false)
  beats.see(key, beat(8), 1000)
  expect(counts(beats, 1000)).toBe(true)
})

test('a beat counts for a time from when it has risen, however often it is read', () => {
  const beats = new Beats(3000)
  beats.see(key, beat(7), 0)
  beats.see(key, beat(8), 1000)
  beats.see(key, beat(8), 3900)
  expect(counts(beats, 3999)).toBe(true)
  expect(counts(beats, 4000)).toBe(false)
})

test('a lower beat is from before the store was restored: the node counts after it is above all earlier ones', () => {
  const beats = new Beats(3000)
  for (const [number, nowMs] of [
    [7, 0],
    [8, 1000],
    [5, 1100],
  ] as const)
    beats.see(key, beat(number), nowMs)
  expect(counts(beats, 1100)).toBe(false)
  beats.see(key, beat(8), 1200)
  expect(counts(beats, 1200)).toBe(false)
  beats.see(key, beat(9), 1300)
  expect(counts(beats, 1300)).toBe(true)
})

test.for([null, '', '{}', '{"number":9,"well":"vpn"}', '[]', beat(9, ['other'])])(
  'a beat that says %s does not count',
  (text) => {
    const beats = new Beats(3000)
    beats.see(key, beat(7), 0)
    beats.see(key, beat(8), 10)
    beats.see(key, text, 20)
    expect(counts(beats, 20)).toBe(false)
  },
)

test('a beat counts for the node of its key only', () => {
  const beats = new Beats(3000)
  beats.see('beat/ams1/fra1-a', beat(7), 0)
  beats.see('beat/ams1/fra1-a', beat(8), 10)
  expect(counts(beats, 20)).toBe(false)
  expect(beats.saysWell('ams1/fra1-a', 'vpn', 20)).toBe(true)
})
