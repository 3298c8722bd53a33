import { expect, test } from 'vitest'
import { describeFleetStatus, isFleetFine } from '../../../src/cli/describe-fleet.ts'
import type { FleetStatus } from '../../../src/control/fleet-status.ts'

type Node = FleetStatus['nodes'][number]

const time = '2026-11-29T03:00:10.000Z'
const announced = [
  { neighbor: 'transit', prefix: '192.0.2.0/24', degraded: false },
  { neighbor: 'transit', prefix: '2001:db8:51::/48', degraded: false },
]
const good = {
  name: 'vpn',
  health: 'healthy',
  decision: 'announce',
  reason: 'healthy',
  announced,
  remote: null,
  well: true,
} as const

function nodeOf(site: string, change: Partial<Node> = {}): Node {
  return {
    ...{ site, node: `${site}-a`, ageMs: 400, stale: false, clockAheadMs: 0 },
    ...{ health: 'healthy', decision: 'announce', reason: 'healthy', announced, serial: 20261129000000 },
    services: [good],
    ...change,
  }
}

function fleetOf(nodes: readonly Node[], change: Partial<FleetStatus> = {}): FleetStatus {
  const store = { ok: true, since: time, problem: null }
  return {
    version: 1,
    node: 'fra1-a',
    site: 'fra1',
    store,
    nodes,
    permits: [],
    minSites: [],
    changes: 0,
    time,
    ...change,
  }
}

const withdrawn = {
  ...good,
  health: 'unhealthy',
  decision: 'withdraw',
  reason: 'ping',
  announced: [],
} as const

test('a fleet in which all is well has no mark', () => {
  const status = fleetOf([nodeOf('ams1'), nodeOf('fra1')])
  expect(isFleetFine(status)).toBe(true)
  expect(describeFleetStatus(status)).toEqual([
    'the fleet as fra1-a at fra1 sees it, 2026-11-29 03:00:10 UTC',
    '  vpn: 2 of 2 sites announce normally',
    '',
    '  SITE  NODE    AGE    SERVICE  HEALTH   DECISION  REASON   ANNOUNCED                 BUNDLE',
    '  ams1  ams1-a  0.4 s  vpn      healthy  announce  healthy  2 prefixes at 1 neighbor  20261129000000',
    '  fra1  fra1-a  0.4 s  vpn      healthy  announce  healthy  2 prefixes at 1 neighbor  20261129000000',
  ])
})

test.for<[string, Partial<Node>, string]>([
  ['is stale', { stale: true, ageMs: 300_000 }, '!  ams1  ams1-a  STALE 5 min'],
  ['is withdrawn', { services: [withdrawn] }, 'ping'],
  [
    'is degraded',
    { services: [{ ...good, announced: announced.map((one) => ({ ...one, degraded: true })) }] },
    '2 prefixes at 1 neighbor, degraded',
  ],
  [
    'is out of reach of other sites',
    { services: [{ ...good, remote: { sites: 3, failing: 2 } }] },
    '! vpn of ams1-a at ams1 is out of reach: 2 of 3 sites that probe it do not reach it, although its own probe is good',
  ],
  ['says nothing', { services: [], health: null }, 'says nothing that can be read'],
  ['has another clock', { clockAheadMs: -37_000 }, '! the clock of ams1-a at ams1 is 37 s behind the others'],
])('a node that %s is marked, and the fleet is not fine', ([, change, expected]) => {
  const status = fleetOf([nodeOf('ams1', change), nodeOf('fra1')])
  expect(isFleetFine(status)).toBe(false)
  const lines = describeFleetStatus(status).filter((line) => line.startsWith('!'))
  expect(lines.join('\n')).toContain(expected)
})

test('a permit is listed with its reason', () => {
  const permit = { service: 'vpn', site: 'ams1', node: 'ams1-a', cause: 'permit', reason: 'ping' } as const
  const status = fleetOf([nodeOf('fra1')], { permits: [{ ...permit, since: '2026-11-29T02:58:00.000Z' }] })
  expect(isFleetFine(status)).toBe(false)
  expect(describeFleetStatus(status).at(-1)).toBe(
    'vpn: ams1-a at ams1 is withdrawn, or may withdraw, since 2026-11-29 02:58:00 UTC: ping (with a permit)',
  )
})

test('without the store, it says since when, and what was known last', () => {
  const store = { ok: false, since: '2026-11-29T02:58:10.000Z', problem: 'https://192.0.2.1:2379: no answer' }
  const status = fleetOf([nodeOf('ams1', { stale: true, ageMs: 120_000 })], { store })
  expect(isFleetFine(status)).toBe(false)
  expect(describeFleetStatus(status).slice(1, 4)).toEqual([
    '! THE STORE DOES NOT ANSWER since 2026-11-29 02:58:10 UTC, for 2 min: what follows is the last that is known',
    '  https://192.0.2.1:2379: no answer',
    '  vpn: 1 of 1 site announced normally',
  ])
})
