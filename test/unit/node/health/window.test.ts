import { expect, test } from 'vitest'
import { emptyWindow, losesTooMany, lossShare, slideWindow } from '../../../../src/node/health/window.ts'

const rules = { size: 10, maxLoss: 0.2 }

function windowOf(probes: string, given = rules) {
  return probes.split('').reduce((window, probe) => slideWindow(window, probe === 'x', given), emptyWindow)
}

test.each([
  ['', 0],
  ['....................', 0],
  ['x', 0.1],
  ['xx.x', 0.3],
  ['x.........', 0.1],
  ['x..........', 0],
  ['xxx.......x', 0.3],
  ['xxx..........', 0],
  ['xxxxxxxxxxxxxxxxxxxx', 1],
])('of the probes %j the share %d is lost', (probes, share) => {
  expect(lossShare(windowOf(probes), rules)).toBe(share)
})

test('more than the limit is too many; the limit itself is not', () => {
  expect(losesTooMany(windowOf('x..x'), rules)).toBe(false)
  expect(losesTooMany(windowOf('x..xx'), rules)).toBe(true)
  const fine = { size: 100, maxLoss: 0.29 }
  expect(losesTooMany(windowOf('x'.repeat(29), fine), fine)).toBe(false)
  expect(losesTooMany(windowOf('x'.repeat(30), fine), fine)).toBe(true)
})

test('`maxLoss: 100%` is no window', () => {
  const off = { size: 10, maxLoss: 1 }
  expect(losesTooMany(windowOf('x'.repeat(1000), off), off)).toBe(false)
})

test('what it remembers does not grow', () => {
  expect(windowOf('x'.repeat(1000)).lost).toHaveLength(10)
  expect(windowOf(`${'x'.repeat(1000)}..........`)).toBe(emptyWindow)
})
