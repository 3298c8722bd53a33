import { expect, test } from 'vitest'
import { matchesGlob, matchesPath } from '../../../src/files/glob.ts'

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
  ['a.conf', 'a.con[f]', true],
  ['a.cong', 'a.con[f]', false],
  ['a1', 'a[0-9]', true],
  ['ab', 'a[!0-9]', true],
  ['a1', 'a[^0-9]', false],
  ['a]', 'a[]]', true],
  ['a-', 'a[x-]', true],
  ['a[', 'a[', true],
  ['a\\', 'a[\\]', true],
])('%s matches %s: %s', (name, pattern, matches) => {
  expect(matchesGlob(name, pattern)).toBe(matches)
})

test('a pattern of many stars takes no time', () => {
  expect(matchesGlob('a'.repeat(255), `${'*a'.repeat(100)}b`)).toBe(false)
})

test('a path matches folder by folder', () => {
  expect(matchesPath('/run/anyward/announce.conf', '/run/anywar[d]/announce.con[f]')).toBe(true)
  expect(matchesPath('/run/anyward/announce.conf', '/run/*.conf')).toBe(false)
  expect(matchesPath('/run/anyward/announce.conf', '/run/*/announce.txt')).toBe(false)
})
