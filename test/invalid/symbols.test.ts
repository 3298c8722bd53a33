import { expect, test } from 'vitest'
import { issuesAfter } from './base.ts'

const own = "is a protocol or table of Anyward's own"
const of = 'is a filter of the neighbor transit1'

test.each([
  ...['bfd', 'direct', 'radv', 'kernel4', 'kernel-routes6', 'rtr1', 'rtr-last', 'via4', 'roa6', 'last4'].map(
    (name) => [name, own] as const,
  ),
  ...['transit1-in', 'transit1-out', 'transit1-in4', 'transit1-out6'].map((name) => [name, of] as const),
])('a neighbor of BIRD named %s', (name, words) => {
  expect(issuesAfter([['fra1.yaml', 'name: transit1-v6', `name: ${name}`]])).toEqual([
    `sites/fra1.yaml:17:15 nodes[0].neighbors[1].name: aw_${name.replaceAll('-', '_')} in the configuration of BIRD ${words}\nchoose another name, such as ${name}-1`,
  ])
})

test.each(['bfd1', 'direct-1', 'in', 'other-in', 'kernel', 'transit1-inner', 'transit1-in-1'])(
  'a neighbor of BIRD may be named %s',
  (name) => {
    expect(issuesAfter([['fra1.yaml', 'name: transit1-v6', `name: ${name}`]])).toEqual([])
  },
)

test.each(['bfd', 'transit2-in'])('a neighbor of FRR may be named %s', (name) => {
  expect(issuesAfter([['ams1.yaml', 'name: tor2', `name: ${name}`]])).toEqual([])
})
