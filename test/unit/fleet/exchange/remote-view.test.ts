import { expect, test } from 'vitest'
import {
  describeRemote,
  isCutOff,
  type ObserverReport,
  viewKey,
  viewOne,
  viewRemotely,
} from '../../../../src/fleet/exchange/remote-view.ts'

/** What an observer says: `+ams1 -fra1`. Nodes are named like their sites. */
function says(site: string, text: string, node = `${site}-a`): ObserverReport {
  const remote = text.split(' ').map((word) => ({
    ...{ service: 'vpn', site: word.slice(1), node: `${word.slice(1)}-a` },
    reached: word.startsWith('+'),
  }))
  return { site, node, remote }
}

/** Both ways must agree. */
function viewOf(site: string, reports: readonly ObserverReport[]) {
  const node = { site, node: `${site}-a` }
  const view = viewRemotely(reports).get(viewKey(node, 'vpn')) ?? null
  expect(viewOne(reports, node, 'vpn')).toEqual(view)
  return view
}

test.for<[string, { sites: number; failing: number } | null, ObserverReport[]]>([
  ['sites are counted', { sites: 3, failing: 2 }, [says('a', '-x +y'), says('b', '-x +y'), says('c', '+x')]],
  [
    'an observer that reaches none is not counted',
    { sites: 1, failing: 0 },
    [says('a', '-x -y'), says('b', '+x')],
  ],
  ['nor is a site on itself', null, [says('x', '+x +y')]],
  ['none says anything', null, [says('a', '+y')]],
  [
    'a site has one vote, and it is good if one of its nodes reaches it',
    { sites: 2, failing: 1 },
    [says('a', '-x +y'), says('a', '+x +y', 'a-b'), says('b', '-x +y'), says('b', '-x +y', 'b-b')],
  ],
  [
    'a site that says it has a hundred nodes has one vote',
    { sites: 3, failing: 1 },
    [
      ...Array.from({ length: 100 }, (_, at) => says('evil', '-x +y', `n${at}`)),
      says('a', '+x'),
      says('b', '+x'),
    ],
  ],
])('%s', ([, expected, reports]) => {
  expect(viewOf('x', reports)).toEqual(expected)
})

test.for([
  ['healthy', { sites: 3, failing: 2 }, true],
  ['impaired', { sites: 1, failing: 1 }, true],
  ['healthy', { sites: 4, failing: 2 }, false],
  ['healthy', null, false],
  // Its own probe says so already.
  ['unhealthy', { sites: 3, failing: 3 }, false],
  ['unknown', { sites: 3, failing: 3 }, false],
] as const)('an endpoint that is %s with %o is cut off: %s', ([health, remote, expected]) => {
  expect(isCutOff({ health, remote })).toBe(expected)
})

test('the sentence agrees with its numbers', () => {
  expect(describeRemote({ sites: 1, failing: 1 })).toBe('1 of 1 site that probes it does not reach it')
  expect(describeRemote({ sites: 3, failing: 2 })).toBe('2 of 3 sites that probe it do not reach it')
})
