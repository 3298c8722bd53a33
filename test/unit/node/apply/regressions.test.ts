import { describe, expect, test } from 'vitest'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { findRegressions } from '../../../../src/node/apply/verify/regressions.ts'
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

describe('regressions', () => {
  test.each([
    ['none if nothing changed', seen('up', [prefix]), seen('up', [prefix]), []],
    ['none if the controller withdrew meanwhile', seen('up', [prefix]), seen('up', []), []],
    ['none if the controller announces only now', seen('up', []), seen('up', [prefix]), []],
    ['none if a session was down before', seen('down', []), seen('down', []), []],
    [
      'a session that stays down',
      seen('up', [prefix]),
      seen('down', [], [prefix]),
      ['the session to transit does not come back'],
    ],
    [
      'a session that is missing',
      seen('missing', []),
      seen('missing', []),
      ['there is no session to transit'],
    ],
    [
      'an announcement that is lost',
      seen('up', [prefix]),
      seen('up', [], [prefix]),
      ['192.0.2.0/24 is not advertised to transit any more'],
    ],
    [
      'an announcement that is not in the bundle',
      seen('up', []),
      seen('up', ['192.0.2.1/32']),
      ['192.0.2.1/32 is advertised to transit, but the bundle does not allow it'],
    ],
  ])('%s', (_name, before, after, expected) => {
    expect(findRegressions(before, after, manifest, null)).toEqual(expected)
  })

  test('a prefix in the controller’s file that the daemon does not originate', () => {
    const regressions = findRegressions(seen('up', [prefix]), seen('up', []), manifest, new Set([prefix]))
    expect(regressions).toEqual(['192.0.2.0/24 is not originated any more'])
  })
})

describe('regressions of an attached node, whose bundle configures no session', () => {
  const attached = { ...manifest, routing: 'attached' } as Manifest

  test.each([
    ['none for a session that is not there yet', seen('missing', []), seen('missing', []), []],
    [
      'a session that was there',
      seen('up', [prefix]),
      seen('missing', [], [prefix]),
      ['there is no session to transit'],
    ],
    [
      'a session that goes down',
      seen('up', []),
      seen('down', []),
      ['the session to transit does not come back'],
    ],
    [
      'an announcement that is lost',
      seen('up', [prefix]),
      seen('up', [], [prefix]),
      ['192.0.2.0/24 is not advertised to transit any more'],
    ],
    [
      'none for what its own filters already let out',
      seen('up', ['192.0.2.1/32']),
      seen('up', ['192.0.2.1/32']),
      [],
    ],
    [
      'an announcement that only the new filters let out',
      seen('up', []),
      seen('up', ['192.0.2.1/32']),
      ['192.0.2.1/32 is advertised to transit, but the bundle does not allow it'],
    ],
  ])('%s', (_name, before, after, expected) => {
    expect(findRegressions(before, after, attached, null)).toEqual(expected)
  })

  test('a prefix in the controller’s file counts only if it was originated before', () => {
    const promised = new Set([prefix])
    expect(findRegressions(seen('up', []), seen('up', []), attached, promised)).toEqual([])
    expect(findRegressions(seen('up', [], [prefix]), seen('up', [], []), attached, promised)).toEqual([
      '192.0.2.0/24 is not originated any more',
    ])
  })
})
