import { describe, expect, test } from 'vitest'
import { type KernelRoute, mainTable, parseRules } from '../../../../src/linux/policy-routing.ts'
import {
  describeRoute,
  describeRule,
  planRules,
  planSource,
  type SourceNeighbor,
  type SourceView,
  tableOf,
} from '../../../../src/node/rescue/source/source-plan.ts'

const service = { name: 'vpn', port: 51820, present: ['192.0.2.1', '192.0.2.2'] }
const service6 = { ...service, present: ['2001:db8:51::1'] }

function route(dst: string, via: string | null, dev: string, more: Partial<KernelRoute> = {}): KernelRoute {
  return {
    ...{ type: 'unicast', dst, table: mainTable, hops: [{ via, dev, weight: 1 }], metric: 0 },
    ...{ prefsrc: null, isSpecial: false, protocol: null },
    ...more,
  }
}

function neighbor(name: string, address: string | null, more: Partial<SourceNeighbor> = {}): SourceNeighbor {
  return { name, address, interface: null, vrf: null, isGateway: true, ...more }
}

function view(more: Partial<SourceView> = {}): SourceView {
  return {
    ...{ family: 'ipv4', neighbors: [], isInVrfs: false, neighborRoutes: new Map(), vrfDefaults: new Map() },
    ...{ tables: new Map(), addressesOf: () => [] },
    ...more,
  }
}

const planned = (plan: ReturnType<typeof planSource>, family: 'ipv4' | 'ipv6' = 'ipv4') =>
  plan.routes.map((one) => describeRoute(one, tableOf(51820), family))

describe('the table of a service', () => {
  const own = route('default', '10.1.1.1', 'e1')

  test('has the default route of packets from the anycast address, and the networks of its table, with that source', () => {
    const tables = new Map([
      [
        mainTable,
        [own, route('10.1.1.0/24', null, 'e1'), route('10.9.0.0/16', 'fe80::7', 'e1', { metric: 20 })],
      ],
    ])
    const plan = planSource(service, own, view({ tables }))
    expect(planned(plan)).toEqual([
      'default via 10.1.1.1 dev e1 onlink src 192.0.2.1 table 5151820 protocol 51',
      '10.1.1.0/24 dev e1 src 192.0.2.1 table 5151820 protocol 51',
      '10.9.0.0/16 via inet6 fe80::7 dev e1 onlink src 192.0.2.1 metric 20 table 5151820 protocol 51',
    ])
    expect(plan).toMatchObject({ forAnycast: false, vrfWithoutAddress: null })
  })

  test('is that of the engineer, where packets from the anycast address have a table of their own', () => {
    const tables = new Map([
      [mainTable, [route('default', '10.1.1.1', 'e1'), route('10.9.0.0/16', '10.1.1.7', 'e1')]],
      [777, [route('default', '10.1.2.1', 'e2', { table: 777 })]],
    ])
    const plan = planSource(service, route('default', '10.1.2.1', 'e2', { table: 777 }), view({ tables }))
    expect(planned(plan)).toEqual([
      'default via 10.1.2.1 dev e2 onlink src 192.0.2.1 table 5151820 protocol 51',
    ])
  })

  test('keeps several next hops with their weights, and routes that drop packets', () => {
    const several = route('default', '10.1.1.1', 'e1', {
      hops: [
        { via: '10.1.1.1', dev: 'e1', weight: 2 },
        { via: '10.1.2.1', dev: 'e2', weight: 1 },
      ],
    })
    const drop = route('10.10.0.0/16', null, 'lo', { type: 'blackhole', hops: [] })
    expect(planned(planSource(service, several, view({ tables: new Map([[mainTable, [drop]]]) })))).toEqual([
      'default src 192.0.2.1 table 5151820 protocol 51 nexthop via 10.1.1.1 dev e1 weight 2 onlink nexthop via 10.1.2.1 dev e2 weight 1 onlink',
      'blackhole 10.10.0.0/16 table 5151820 protocol 51',
    ])
  })

  test.each([
    ['an address of the node', route('2001:db8:51::1', null, 'lo')],
    ['a link-local network', route('fe80::/64', null, 'e1')],
    ['multicast', route('ff00::/8', null, 'e1')],
    ['an encapsulation', route('10.7.0.0/16', '10.1.1.1', 'e1', { isSpecial: true })],
    ['a local route', route('10.1.1.2', null, 'e1', { type: 'other' })],
    ['a link whose name `ip` would take for a comment', route('10.8.0.0/16', '10.1.1.1', 'e#1')],
    ['a link whose name has a quote', route('10.8.0.0/16', '10.1.1.1', 'e"1')],
    ['a dead route', route('10.8.0.0/16', null, 'e1', { hops: [] })],
  ])('has no copy of %s', (_, one) => {
    expect(planned(planSource(service, own, view({ tables: new Map([[mainTable, [one]]]) })))).toHaveLength(1)
  })

  test('goes by the neighbors that forward to anywhere, in their order, where there is no default route', () => {
    const plan = planSource(
      service,
      null,
      view({
        neighbors: [
          neighbor('rs', '10.1.9.1', { isGateway: false }),
          neighbor('b', '10.1.2.1'),
          neighbor('a', '10.1.1.1'),
          neighbor('unnumbered', null, { interface: 'e5' }),
        ],
        neighborRoutes: new Map([
          ['rs', route('10.1.9.1', null, 'e9')],
          ['a', route('10.1.1.1', null, 'e1')],
          ['b', route('10.1.2.1', '10.1.2.254', 'e2')],
        ]),
        tables: new Map([[mainTable, [route('10.9.0.0/16', null, 'e1')]]]),
      }),
    )
    expect(planned(plan)).toEqual([
      'default via 10.1.2.254 dev e2 onlink src 192.0.2.1 metric 2 table 5151820 protocol 51',
      'default via 10.1.1.1 dev e1 onlink src 192.0.2.1 metric 3 table 5151820 protocol 51',
      '10.9.0.0/16 dev e1 src 192.0.2.1 table 5151820 protocol 51',
    ])
    // The node's own routing has no way out for packets from the anycast address either, but it may have routes.
    expect(plan.forAnycast).toBe(false)
  })
})

describe('where the neighbors are in VRFs', () => {
  const red = route('default', '10.3.1.1', 'e3', { table: 7001 })
  const management = route('default', '10.99.0.1', 'mgmt0')
  const inRed = {
    neighbors: [neighbor('red', '10.3.1.1', { vrf: 'red' })],
    isInVrfs: true,
    neighborRoutes: new Map([['red', route('10.3.1.1', null, 'e3', { table: 7001 })]]),
  }

  test.each([null, management])(
    'the default route of the VRF counts, for packets from the anycast address too: %#',
    (own) => {
      const plan = planSource(
        service,
        own,
        view({
          ...inRed,
          vrfDefaults: new Map([['red', red]]),
          tables: new Map([
            [mainTable, [management, route('10.99.0.0/24', null, 'mgmt0')]],
            [7001, [red, route('10.3.1.0/24', null, 'e3')]],
          ]),
        }),
      )
      expect(planned(plan)).toEqual([
        'default via 10.3.1.1 dev e3 onlink src 192.0.2.1 table 5151820 protocol 51',
        '10.3.1.0/24 dev e3 src 192.0.2.1 table 5151820 protocol 51',
        '10.99.0.0/24 dev mgmt0 src 192.0.2.1 table 5151820 protocol 51',
      ])
      expect(plan.forAnycast).toBe(true)
    },
  )

  test('a neighbor in it is the gateway, if the VRF has no default route', () => {
    const plan = planSource(service, null, view(inRed))
    expect(planned(plan)).toEqual([
      'default via 10.3.1.1 dev e3 onlink src 192.0.2.1 metric 1 table 5151820 protocol 51',
    ])
    expect(plan.forAnycast).toBe(true)
  })

  test('a default route of the main table by a link of the VRF is the own one', () => {
    const plan = planSource(service, route('default', '10.3.1.1', 'e3'), view(inRed))
    expect(planned(plan)).toHaveLength(1)
    expect(plan.forAnycast).toBe(false)
  })

  test.each([
    { on: 'lo', source: '', vrf: 'red' },
    { on: 'red', source: ' src 2001:db8:51::1', vrf: null },
    { on: 'e3', source: ' src 2001:db8:51::1', vrf: null },
  ])('IPv6 has the source only if the address is in the VRF: $on', ({ on, source, vrf }) => {
    const plan = planSource(
      service6,
      null,
      view({
        family: 'ipv6',
        neighbors: [neighbor('red', '2001:db8:3::1', { vrf: 'red' })],
        isInVrfs: true,
        neighborRoutes: new Map([['red', route('2001:db8:3::1', null, 'e3', { table: 7001 })]]),
        addressesOf: (name) => (name === on ? ['2001:db8:51::1'] : []),
      }),
    )
    expect(planned(plan, 'ipv6')).toEqual([
      `default via 2001:db8:3::1 dev e3 onlink${source} metric 1 table 5151820 protocol 51`,
    ])
    expect(plan.vrfWithoutAddress).toBe(vrf)
  })
})

describe('the rules', () => {
  test('of IPv4 match packets without a source, and those from the anycast address where that is needed', () => {
    expect(planRules('ipv4', [{ ...service, forAnycast: false }])).toEqual([
      'pref 5192 from 0.0.0.0/32 ipproto 17 sport 51820 lookup 5151820 protocol 51',
    ])
    expect(planRules('ipv4', [{ ...service, forAnycast: true }])).toEqual([
      'pref 5190 from 192.0.2.1/32 ipproto 17 sport 51820 lookup 5151820 protocol 51',
      'pref 5190 from 192.0.2.2/32 ipproto 17 sport 51820 lookup 5151820 protocol 51',
      'pref 5192 from 0.0.0.0/32 ipproto 17 sport 51820 lookup 5151820 protocol 51',
    ])
  })

  test('of IPv6 let packets with a source jump over them', () => {
    expect(planRules('ipv6', [{ ...service6, forAnycast: false }])).toEqual([
      'pref 5193 nop protocol 51',
      'pref 5191 from ::/1 goto 5193 protocol 51',
      'pref 5191 from 8000::/1 goto 5193 protocol 51',
      'pref 5192 ipproto 17 sport 51820 lookup 5151820 protocol 51',
    ])
    expect(planRules('ipv6', [])).toEqual([])
  })

  test('are described as they are planned, when they are read', () => {
    const text =
      '[{"priority":5190,"src":"2001:db8:51::1","ipproto":"ipproto-17","sport":51820,"table":"5151820","protocol":"51"},{"priority":5191,"src":"::","srclen":1,"goto":5193,"protocol":"51"},{"priority":5191,"src":"8000::","srclen":1,"goto":5193,"protocol":"51"},{"priority":5192,"src":"all","ipproto":"ipproto-17","sport":51820,"table":"5151820","protocol":"51"},{"priority":5193,"src":"all","nop":null,"protocol":"51"}]'
    const planned = planRules('ipv6', [{ ...service6, forAnycast: true }])
    expect(parseRules(text).map(describeRule).sort()).toEqual(planned.sort())
  })
})
