import { expect, test } from 'vitest'
import { DaemonError } from '../../../../src/node/routing/daemon.ts'
import {
  findLeft,
  isNotRunning,
  isWithdrawn,
  observationWithoutDaemon,
} from '../../../../src/node/routing/withdrawn.ts'
import { fromLists } from '../../../observation-lists.ts'

const ours = ['192.0.2.0/24', '192.0.2.1/32']

function observed(originated: readonly string[], announced: readonly string[]) {
  const neighbor = { neighbor: 'transit1', session: 'up', announced, degraded: [] } as const
  return fromLists({ originated, degraded: [], neighbors: [neighbor], otherAnnouncers: null })
}

test.each([
  ['not originated and at no neighbor: withdrawn', [], [], true],
  ['originated: not withdrawn, although no neighbor has it', ['192.0.2.1/32'], [], false],
  ['at a neighbor: not withdrawn, although it is not originated', [], ['192.0.2.0/24'], false],
  ['other prefixes do not count', ['198.51.100.0/24'], ['198.51.100.0/24'], true],
])('%s', (_, originated, announced, expected) => {
  expect(isWithdrawn(observed(originated, announced), ours)).toBe(expected)
})

test('a remaining route is named with its neighbor', () => {
  const left = findLeft(observed([], ['192.0.2.0/24', '198.51.100.0/24']), new Set(ours))
  expect(left).toEqual([{ neighbor: 'transit1', prefix: '192.0.2.0/24' }])
})

test('without a running daemon everything is withdrawn; with one that does not answer it is not', () => {
  expect(isWithdrawn(observationWithoutDaemon([{ name: 'transit1' }]), ours)).toBe(true)
  expect(isNotRunning(new DaemonError('not-running', 'BIRD does not listen'))).toBe(true)
  expect(isNotRunning(new DaemonError('timeout', 'no answer'))).toBe(false)
  expect(isNotRunning(new Error('ENOENT'))).toBe(false)
})
