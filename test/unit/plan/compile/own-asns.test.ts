import { expect, test } from 'vitest'
import { collectOwnAsns } from '../../../../src/plan/compile/own-asns.ts'
import { parseFleet } from '../../../../src/plan/sites/parse.ts'
import { base } from '../../../invalid/base.ts'

/** The other numbers that transit2 at ams1 must not send. */
function othersOf(ams1: (text: string) => string, fra1: (text: string) => string): readonly number[] {
  const { fleet, issues } = parseFleet([
    { name: 'fleet.yaml', text: base['fleet.yaml']! },
    { name: 'ams1.yaml', text: ams1(base['ams1.yaml']!) },
    { name: 'fra1.yaml', text: fra1(base['fra1.yaml']!) },
  ])
  if (fleet === null) throw new Error(JSON.stringify(issues))
  const node = fleet.sites[0]!.nodes[0]!
  return collectOwnAsns(fleet)(node, node.neighbors[0]!)
}
const same = (text: string) => text

test.each([
  ['none in a fleet of one AS', same, same, []],
  [
    'that of another node, if it is unique',
    same,
    (text: string) => text.replace('site: fra1', 'site: fra1\nasn: 64501'),
    [64501],
  ],
  [
    'not that of another node, if it is private',
    same,
    (text: string) => text.replace('site: fra1', 'site: fra1\nasn: 65010'),
    [],
  ],
  [
    'that of another session of the node, private or not',
    (text: string) => text.replace('gtsm: true', 'localAs: 65010'),
    same,
    [65010],
  ],
  [
    'not that of another session of another node, if it is private',
    same,
    (text: string) => text.replace('import: default-only', 'import: default-only\n        localAs: 65010'),
    [],
  ],
  [
    'not those of the session itself',
    (text: string) => text.replace('address: 10.2.1.1', 'address: 10.2.1.1, localAs: 64501'),
    (text: string) => text.replace('site: fra1', 'site: fra1\nasn: 64501'),
    [],
  ],
  [
    'not that of the neighbor, a node of ours',
    same,
    (text: string) => text.replace('site: fra1', 'site: fra1\nasn: 64602'),
    [],
  ],
])('the other AS numbers of ours that no path may have: %s', (_name, ams1, fra1, expected) => {
  expect(othersOf(ams1, fra1)).toEqual(expected)
})
