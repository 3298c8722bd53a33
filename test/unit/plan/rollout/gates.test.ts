import { expect, test } from 'vitest'
import type { NodeView } from '../../../../src/change/view.ts'
import { findProblems } from '../../../../src/plan/rollout/gates.ts'
import type { Promised } from '../../../../src/plan/rollout/view.ts'

const prefixes = ['192.0.2.0/24', '2001:db8:51::/48']
const promise = (digest: string, own: readonly string[] = prefixes): Promised => ({
  digest,
  serial: 7,
  services: ['vpn'],
  neighbors: [{ name: 'transit', prefixes: own }],
})

const before: NodeView = {
  bundle: 'old',
  serial: 7,
  services: [
    {
      name: 'vpn',
      health: 'healthy',
      decision: 'announce',
      reason: 'healthy',
      announced: prefixes.map((prefix) => ({ neighbor: 'transit', prefix, degraded: false })),
    },
  ],
  neighbors: [{ name: 'transit', session: 'up', bfd: 'up' }],
  intent: { intent: 'serve', reason: null },
  alarms: [],
}
const [service] = before.services
const well: NodeView = { ...before, bundle: 'new' }
const judged = { before, former: promise('old'), target: promise('new') }

const announcing = (announced: NodeView['services'][number]['announced']): NodeView => ({
  ...well,
  services: [{ ...service!, announced }],
})

test.each<[what: string, now: NodeView | null, problems: string[]]>([
  ['as before', well, []],
  ['no controller', null, ['no controller runs']],
  ['the former bundle', before, ['the controller does not run the bundle']],
  [
    'the same content with another serial',
    { ...well, serial: 6 },
    ['the controller does not run the bundle'],
  ],
  [
    'a session that is down',
    { ...well, neighbors: [{ name: 'transit', session: 'down', bfd: 'down' }] },
    ['the session to transit is down'],
  ],
  [
    'a session whose BFD is down',
    { ...well, neighbors: [{ name: 'transit', session: 'up', bfd: 'down' }] },
    ['BFD with transit is down'],
  ],
  [
    'a service that is not healthy',
    { ...well, services: [{ ...service!, health: 'unhealthy', reason: 'no-handshake' }] },
    ['vpn is unhealthy (no-handshake)'],
  ],
  [
    'a service that is degraded',
    { ...well, services: [{ ...service!, decision: 'degrade', reason: 'loss' }] },
    ['vpn: degrade (loss)'],
  ],
  [
    'a service that is missing',
    { ...well, services: [] },
    ['vpn is missing', ...prefixes.map((prefix) => `${prefix} is not announced to transit`)],
  ],
  [
    'one prefix that has vanished',
    announcing(service!.announced.slice(1)),
    ['192.0.2.0/24 is not announced to transit'],
  ],
  [
    'one prefix that is degraded',
    announcing(service!.announced.map((one, index) => ({ ...one, degraded: index === 0 }))),
    ['192.0.2.0/24 is announced to transit degraded'],
  ],
  [
    'a prefix that is not planned',
    announcing([...service!.announced, { neighbor: 'transit', prefix: '198.51.100.0/24', degraded: false }]),
    ['198.51.100.0/24 is announced to transit, which is not planned'],
  ],
  ['an alarm', { ...well, alarms: ['the node is not guarded'] }, ['the node is not guarded']],
])('the gate, with %s', (_what, now, problems) => {
  expect(findProblems(judged, now)).toEqual(problems)
})

test('what did not work before is no problem', () => {
  const broken: NodeView = {
    ...before,
    services: [{ ...service!, health: 'unhealthy', decision: 'withdraw', announced: [] }],
    neighbors: [{ name: 'transit', session: 'down', bfd: null }],
    alarms: ['the node is not guarded'],
  }
  expect(findProblems({ ...judged, before: broken }, { ...broken, bundle: 'new' })).toEqual([])
})

test('a prefix that the plan removes may vanish, and one that it adds must come', () => {
  const target = promise('new', ['192.0.2.0/24', '198.51.100.0/24'])
  const announced = ['192.0.2.0/24', '198.51.100.0/24'].map((prefix) => ({
    ...{ neighbor: 'transit', prefix, degraded: false },
  }))
  expect(findProblems({ ...judged, target }, announcing(announced))).toEqual([])
  expect(findProblems({ ...judged, target }, announcing(announced.slice(0, 1)))).toEqual([
    '198.51.100.0/24 is not announced to transit',
  ])
})
