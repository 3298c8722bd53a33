import { expect, test } from 'vitest'
import { matchesGlob } from '../../../../../src/plan/service/init/glob.ts'

test.each([
  ['a.conf', '*.conf', true],
  ['.a.conf', '*.conf', false],
  ['.a.conf', '.*.conf', true],
  ['a.conf', '?.conf', true],
  ['ab.conf', '?.conf', false],
  ['abc', 'a*c', true],
  ['abcb', 'a*c', false],
  ['', '*', true],
  ['x', '', false],
])('%s matches %s: %s', (name, pattern, matches) => {
  expect(matchesGlob(name, pattern)).toBe(matches)
})

test('a pattern of many stars takes no time', () => {
  expect(matchesGlob('a'.repeat(255), `${'*a'.repeat(100)}b`)).toBe(false)
})
