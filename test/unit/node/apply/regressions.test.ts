import { describe, expect, test } from 'vitest'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { findRegressions } from '../../../../src/node/apply/regressions.ts'
import type { NeighborObservation, Observation } from '../../../../src/node/routing/daemon.ts'
import { fromLists } from '../../../observation-lists.ts'

const prefix = '192.0.2.0/24'
const manifest = {
  neighbors: [{ name: 'transit', prefixes: [prefix] }],
  services: [{ name: 'vpn', prefixes: [prefix] }],
} as unknown as Manifest

function seen(
  session: NeighborObservation['session'],
  announced: string[],
  originated = announced,
): Observation {
  return fromLists({
    originated,
    degraded: [],
    neighbors: [{ neighbor: 'transit', session, announced, degraded: [] }],
    otherAnnouncers: null,
  })
}

describe('what is worse than before', () => {
  test.each([
    ['nothing, where all is as it was', seen('up', [prefix]), seen('up', [prefix]), []],
    ['nothing, where the controller withdrew meanwhile', seen('up', [prefix]), seen('up', []), []],
    ['nothing, where it announces only now', seen('up', []), seen('up', [prefix]), []],
    ['nothing, where a session was down before', seen('down', []), seen('down', []), []],
    [
      'a session that stays down',
      seen('up', [prefix]),
      seen('down', [], [prefix]),
      ['the session to transit does not come back'],
    ],
    [
      'a session that is not there',
      seen('missing', []),
      seen('missing', []),
      ['there is no session to transit'],
    ],
    [
      'an announcement that is lost',
      seen('up', [prefix]),
      seen('up', [], [prefix]),
      ['transit is not told 192.0.2.0/24 any more'],
    ],
    [
      'an announcement that nobody planned',
      seen('up', []),
      seen('up', ['192.0.2.1/32']),
      ['transit is told 192.0.2.1/32, which the plan does not say'],
    ],
  ])('%s', (_name, before, after, expected) => {
    expect(findRegressions(before, after, manifest, null)).toEqual(expected)
  })

  test('what the controller promises and the daemon does not originate', () => {
    const regressions = findRegressions(seen('up', [prefix]), seen('up', []), manifest, new Set([prefix]))
    expect(regressions).toEqual(['192.0.2.0/24 is not originated any more'])
  })
})
