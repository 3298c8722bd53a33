import { expect, test } from 'vitest'
import { stateOf } from '../../../../src/node/rescue/service-states.ts'
import { fromLists } from '../../../observation-lists.ts'

const prefixes = ['192.0.2.0/24', '192.0.2.1/32']
const neighbor = (name: string, announced: readonly string[], degraded: readonly string[] = []) =>
  ({ neighbor: name, session: 'up', announced, degraded }) as const
const observe = (originated: readonly string[], neighbors: ReturnType<typeof neighbor>[]) =>
  fromLists({ originated, degraded: [], neighbors, otherAnnouncers: null })

test.each([
  ['announcing', prefixes, [neighbor('tor', prefixes), neighbor('transit', [])]],
  ['announcing', prefixes, [neighbor('tor', prefixes, prefixes), neighbor('transit', prefixes)]],
  ['draining', prefixes, [neighbor('tor', prefixes, prefixes)]],
  ['draining', prefixes, [neighbor('tor', [])]],
  ['draining', [], [neighbor('tor', ['192.0.2.1/32'], ['192.0.2.1/32'])]],
  ['withdrawn', [], [neighbor('tor', ['198.51.100.0/24'])]],
] as const)('%s: originated %j, neighbors %j', (state, originated, neighbors) => {
  expect(stateOf(observe(originated, [...neighbors]), prefixes)).toBe(state)
})
