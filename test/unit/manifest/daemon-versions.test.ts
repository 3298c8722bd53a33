import { expect, test } from 'vitest'
import {
  compareVersions,
  describeVersions,
  findMismatch,
  fits,
} from '../../../src/manifest/daemon-versions.ts'
import { manifestOf } from '../../e2e/fixtures/routing/configs.ts'

const before = { from: '8.4', below: '10.1', because: 'RPKI caches' }

test.each([
  ['10.3', '8.4.4'],
  ['10.1', '10.0.3'],
  ['2.17.6', '2.2'],
  ['3.1.8', '2.17.6'],
])('%s is newer than %s', (newer, older) => {
  expect(compareVersions(newer, older)).toBeGreaterThan(0)
  expect(compareVersions(older, newer)).toBeLessThan(0)
})

test('a missing part is zero, and what follows the numbers does not count', () => {
  expect(compareVersions('10.3', '10.3.0')).toBe(0)
  expect(compareVersions('10.3-1~deb13', '10.3')).toBe(0)
})

test.each([
  ['8.3.9', false],
  ['8.4', true],
  ['8.4.4', true],
  ['10.0.5', true],
  ['10.1', false],
])('a configuration for 8.4 or later, before 10.1, and %s: %s', (version, expected) => {
  expect(fits(before, version)).toBe(expected)
})

test('the range is described with both ends', () => {
  expect(describeVersions(before)).toBe('8.4 or later, before 10.1')
  expect(describeVersions({ ...before, below: null })).toBe('8.4 or later')
})

test('a bundle for another version is refused with the reason and the cure', () => {
  const manifest = { ...manifestOf('frr', '/x'), daemonVersions: before }
  expect(findMismatch(manifest, '10.3')).toEqual({
    problem: 'this bundle is for FRR 8.4 or later, before 10.1 (RPKI caches), and FRR 10.3 runs here',
    cure: 'write daemonVersion: "10.3" at the node fra1-a in the YAML, run `anyward plan` and copy the bundle again',
  })
  expect(findMismatch(manifest, '8.4.4')).toBeNull()
})

test('a bundle of Anyward 0.1.0, which names no versions, fits every daemon', () => {
  expect(findMismatch(manifestOf('frr', '/x'), '7.5')).toBeNull()
})
