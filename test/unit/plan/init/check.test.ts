import { expect, test } from 'vitest'
import type { Answers } from '../../../../src/plan/init/answers.ts'
import { checkNeighborField } from '../../../../src/plan/init/check.ts'

const answers: Answers = {
  asn: '64500',
  site: 'fra1',
  node: 'fra1-a',
  daemon: 'bird',
  routerId: '10.0.0.11',
  anycast: ['192.0.2.1'],
  covering: ['192.0.2.0/24'],
  service: 'vpn',
  allow: ['192.0.2.0/24'],
  neighbors: [],
}

test('the AS number of a neighbor is checked before its address is known', () => {
  const neighbor = { values: { kind: 'transit', name: 'transit1' }, comments: {}, source: null }
  const check = (asn: number) =>
    checkNeighborField(answers, { ...neighbor, values: { ...neighbor.values, asn } }, 'asn')?.message ?? null
  expect(check(64500)).toBe('64500 is our own AS, but kind transit is another network')
  expect(check(64601)).toBeNull()
})
