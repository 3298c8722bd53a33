import { describe, expect, test } from 'vitest'
import type { FleetStatus } from '../../../src/control/fleet-status.ts'
import { findTakeovers } from '../../../src/web/fleet/takeover.ts'

type Node = FleetStatus['nodes'][number]
type State = 'normal' | 'degraded' | 'none' | 'silent'

const node = (site: string, state: State, service = 'vpn', name = `${site}-a`): Node => ({
  ...{ site, node: name, ageMs: 500, stale: state === 'silent', clockAheadMs: 0, serial: null },
  ...{ health: null, decision: null, reason: null, announced: [] },
  services: [
    {
      ...{ name: service, health: 'healthy', decision: 'announce', reason: 'healthy', remote: null },
      announced:
        state === 'none'
          ? []
          : [{ neighbor: 'transit1', prefix: '192.0.2.0/24', degraded: state === 'degraded' }],
      well: state === 'normal',
    },
  ],
})
const fleet = (
  nodes: Node[],
  minSites: number | null = 1,
  change: Partial<FleetStatus> = {},
): FleetStatus => ({
  ...{
    version: 1,
    node: 'fra1-a',
    site: 'fra1',
    permits: [],
    changes: 0,
    time: '2026-11-30T03:00:10.000Z',
    nodes,
  },
  store: { ok: true, since: '2026-11-30T03:00:00.000Z', problem: null },
  minSites: minSites === null ? [] : [{ service: 'vpn', minSites }],
  ...change,
})
const one = (nodes: Node[], minSites?: number | null, change?: Partial<FleetStatus>) =>
  findTakeovers(fleet(nodes, minSites, change))[0]!

describe('who takes over if a site goes', () => {
  test('names the other sites, and whether this one and another may withdraw', () => {
    const found = one([node('ams1', 'normal'), node('fra1', 'normal'), node('lon1', 'degraded')])
    expect(found).toMatchObject({
      level: 'ok',
      sentence: 'vpn: if any one site goes, others announce it normally (2 sites now)',
    })
    expect(
      found.sites.map(({ site, normal, degraded, itself, another }) => [
        site,
        normal,
        degraded,
        itself,
        another,
      ]),
    ).toEqual([
      ['ams1', 'fra1', 'lon1', 'yes', 'no: 0 of 1 others well'],
      ['fra1', 'ams1', 'lon1', 'yes', 'no: 0 of 1 others well'],
      ['lon1', 'ams1 and fra1', 'none', 'yes', 'yes'],
    ])
  })

  test.each<[string, Node[], number | null, string, string]>([
    [
      'no other site announces it',
      [node('ams1', 'normal'), node('fra1', 'none'), node('lon1', 'silent')],
      1,
      'warn',
      'vpn hangs on one site: if ams1 goes, no other announces it; while its own probe alone fails, it is held',
    ],
    [
      'without a floor the last site is not held',
      [node('ams1', 'normal'), node('fra1', 'none')],
      0,
      'warn',
      'vpn hangs on one site: if ams1 goes, no other announces it',
    ],
    [
      'only degraded routes would remain',
      [node('ams1', 'normal'), node('fra1', 'degraded')],
      1,
      'warn',
      'vpn hangs on one site: if ams1 goes, fra1 would take over, degraded',
    ],
    [
      'all are degraded',
      [node('ams1', 'degraded'), node('fra1', 'degraded')],
      1,
      'warn',
      'vpn: all 2 sites that announce it are degraded',
    ],
    [
      'nothing is announced',
      [node('ams1', 'none')],
      1,
      'bad',
      'vpn: no site announces it, so far as is known',
    ],
    [
      'it has one site only, which is no fault',
      [node('ams1', 'normal')],
      null,
      'ok',
      'vpn is at one site only: if ams1 goes, no other announces it',
    ],
  ])('warns where %s', (_, nodes, minSites, level, sentence) => {
    expect(one(nodes, minSites)).toMatchObject({ level, sentence })
  })

  test('a site counts once, by the best of its nodes', () => {
    const found = one([node('ams1', 'none'), node('ams1', 'normal', 'vpn', 'ams1-b'), node('fra1', 'normal')])
    expect(found.sites.map(({ site }) => site)).toEqual(['ams1', 'fra1'])
  })

  test('a site in the register, or whose neighbors may not have the routes, is not counted for a permit', () => {
    const nodes = [node('ams1', 'normal'), node('fra1', 'normal'), node('lon1', 'normal')]
    const permit = {
      service: 'vpn',
      site: 'fra1',
      node: 'fra1-a',
      since: null,
      reason: 'hung',
      cause: 'permit',
    } as const
    const unsure = { ...nodes[2]!, services: [{ ...nodes[2]!.services[0]!, well: false }] }
    const found = one([nodes[0]!, nodes[1]!, unsure], 1, { permits: [permit] })
    expect(found.sites.find(({ site }) => site === 'ams1')).toMatchObject({
      normal: 'fra1 and lon1',
      itself: 'no: 0 of 1 others well',
    })
  })

  test('the service that hangs on one site comes first', () => {
    const fine = ['ams1', 'fra1'].map((site) => node(site, 'normal', 'a'))
    const found = findTakeovers(fleet([...fine, node('lon1', 'normal', 'b'), node('par1', 'none', 'b')]))
    expect(found.map(({ service }) => service)).toEqual(['b', 'a'])
  })

  test('nothing is said while the store does not answer', () => {
    const store = { ok: false, since: '2026-11-30T03:00:00.000Z', problem: 'no quorum' }
    expect(findTakeovers(fleet([node('ams1', 'normal')], 1, { store }))).toEqual([])
  })

  test('many sites are a number', () => {
    const nodes = Array.from({ length: 1000 }, (_, at) => node(`s${at}`, 'normal'))
    expect(one(nodes, 500).sites[0]).toMatchObject({ normal: '999 sites', itself: 'yes', another: 'yes' })
  })
})
