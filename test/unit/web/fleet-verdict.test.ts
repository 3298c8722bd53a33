import { describe, expect, test } from 'vitest'
import type { FleetStatus } from '../../../src/control/fleet-status.ts'
import { judgeFleet } from '../../../src/web/fleet/fleet-verdict.ts'

type Node = FleetStatus['nodes'][number]
type Service = Node['services'][number]

const announced = [
  { neighbor: 'transit1', prefix: '192.0.2.0/24', degraded: false },
  { neighbor: 'tor1', prefix: '192.0.2.0/24', degraded: false },
  { neighbor: 'tor1', prefix: '192.0.2.1/32', degraded: true },
]
const node = (site: string, ofService: Partial<Service> = {}, ofNode: Partial<Node> = {}): Node => ({
  ...{ site, node: `${site}-a`, ageMs: 500, stale: false, clockAheadMs: 0, serial: null },
  ...{ health: null, decision: null, reason: null, announced: [] },
  services: [
    {
      name: 'vpn',
      health: 'healthy',
      decision: 'announce',
      reason: 'healthy',
      announced,
      remote: null,
      well: ofService.decision === undefined,
      ...ofService,
    },
  ],
  ...ofNode,
})
const judge = (nodes: Node[], change: Partial<FleetStatus> = {}) =>
  judgeFleet({
    ...{
      version: 1,
      node: 'fra1-a',
      site: 'fra1',
      permits: [],
      minSites: [],
      changes: 0,
      time: '2026-11-30T03:00:10.000Z',
      nodes,
    },
    store: { ok: true, since: '2026-11-30T03:00:00.000Z', problem: null },
    ...change,
  })

describe('the verdict of the fleet', () => {
  test('is that all serve, and what each announces to whom', () => {
    const { level, sentence, services, well } = judge([node('fra1'), node('lon1')])
    expect({ level, sentence }).toEqual({ level: 'ok', sentence: 'All 2 nodes of the fleet serve' })
    expect(services).toEqual([{ name: 'vpn', level: 'ok', text: 'vpn: announced at 2 of 2 sites' }])
    expect(well[0]!.announced).toBe('192.0.2.0/24 to transit1, tor1; 192.0.2.1/32 to tor1 (degraded)')
  })

  test('names those that do not, the worst first', () => {
    const hung = node('lon1', { decision: 'withdraw', reason: 'hung', announced: [] })
    const drained = node('ams1', { decision: 'withdraw', reason: 'drained', announced: [] })
    const { level, sentence, wrong, services } = judge([node('fra1'), drained, hung])
    expect(level).toBe('bad')
    expect(sentence).toBe('2 of 3 nodes do not serve as they should: lon1-a at lon1 and ams1-a at ams1')
    expect(wrong.map(({ state }) => state)).toEqual(['withdrawn (hung)', 'withdrawn (drained)'])
    expect(services[0]!.text).toBe('vpn: announced at 1 of 3 sites')
  })

  test.each([
    [[node('fra1')], 'The only node of the fleet serves'],
    [[], 'No node is known yet'],
    [
      [node('fra1'), node('lon1', { decision: 'withdraw', reason: 'hung', announced: [] })],
      '1 of 2 nodes does not serve as it should: lon1-a at lon1',
    ],
    [
      [node('fra1'), node('lon1', { decision: 'withdraw', reason: 'drained', announced: [] })],
      '1 of 2 nodes does not serve normally, by order: lon1-a at lon1',
    ],
  ])('is a sentence for one node too: %#', (nodes, sentence) => {
    expect(judge(nodes).sentence).toBe(sentence)
  })

  test.each([
    [false, 'The fleet is not known now: the store does not answer this node'],
    [null, 'The fleet is not known yet: the store has not answered'],
  ])('is not that all nodes are down, or serve, while the store does not answer: %s', (ok, sentence) => {
    const store = { ok, since: '2026-11-30T03:00:00.000Z', problem: ok === null ? null : 'no quorum' }
    const silent = { stale: true, ageMs: 65_000 }
    const verdict = judge([node('fra1', {}, silent), node('lon1', {}, silent)], { store })
    expect(verdict).toMatchObject({ sentence, level: 'warn', services: [] })
    expect(verdict.wrong.map(({ level }) => level)).toEqual(['warn', 'warn'])
  })

  test('says since when a node is silent, and what it said last', () => {
    const { level, wrong, services } = judge([node('fra1'), node('lon1', {}, { stale: true, ageMs: 65_000 })])
    expect(level).toBe('bad')
    expect(wrong).toMatchObject([{ silent: 'silent for 1 min', state: 'silent, last known: announced' }])
    expect(services[0]!.text).toBe('vpn: announced at 1 of 2 sites')
  })

  test.each([
    [[node('fra1', { remote: { sites: 3, failing: 2 } })], {}, /announced, but out of reach of other sites/],
    [[node('fra1', {}, { services: [] })], {}, /says nothing that can be read/],
    [[node('fra1', {}, { clockAheadMs: -5000 })], {}, /the clock of fra1-a is 5 s behind most others/],
    [
      [node('fra1')],
      { store: { ok: false, since: '2026-11-30T03:00:00.000Z', problem: 'no quorum' } },
      /10 s.*no quorum/,
    ],
  ] as const)('has what else is wrong: %#', (nodes, change, text) => {
    const { level, wrong, findings } = judge([...nodes], change)
    expect(level).not.toBe('ok')
    expect([...wrong.map(({ state }) => state), ...findings].join('\n')).toMatch(text)
  })
})
