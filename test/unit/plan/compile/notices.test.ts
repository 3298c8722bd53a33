import { describe, expect, test } from 'vitest'
import { parsePrefix } from '../../../../src/net/prefix.ts'
import { orLonger } from '../../../../src/net/prefix-range.ts'
import { compilePlan } from '../../../../src/plan/compile/compile-plan.ts'
import { irrKey, noFeeds } from '../../../../src/plan/compile/feeds.ts'
import { debianLayout } from '../../../../src/plan/compile/layout.ts'
import { parseFleet } from '../../../../src/plan/sites/parse.ts'
import { base } from '../../../invalid/base.ts'

/** The notices with that text, of a node with one more neighbor. */
function noticesOf(
  daemon: 'bird' | 'frr',
  fields: string,
  about = 'ends in an AS_SET',
  { name: whose = 'n' as string | null, version = '', feeds = noFeeds } = {},
): string[] {
  const address = fields.includes('interface:') ? '' : 'address: 10.1.1.9, '
  const neighbor = `{ name: n, ${address}${fields} }`
  const site = base['fra1.yaml']!.replace(/daemon: \w+/, `daemon: ${daemon}${version}`).replace(
    'neighbors:\n',
    `neighbors:\n      - ${neighbor}\n`,
  )
  const { fleet, issues } = parseFleet([
    { name: 'fleet.yaml', text: base['fleet.yaml']! },
    { name: 'fra1.yaml', text: site },
  ])
  if (fleet === null) throw new Error(JSON.stringify(issues))
  const { notices } = compilePlan(fleet, (_site, node) => debianLayout(fleet, node), feeds)
  return notices.flatMap(({ neighbor: name, message }) =>
    name === whose && message.includes(about) ? [message] : [],
  )
}

test('FRR does not see that a route with an AS_SET at its end is invalid: a notice where such routes are taken', () => {
  expect(noticesOf('frr', 'kind: transit, asn: 64601, import: full, relax: [as-set]')).toEqual([
    'FRR counts a route whose path ends in an AS_SET as not found, not as invalid (RFC 6811, section 2): rpki-invalid does not refuse it',
  ])
})

test.each([
  ['BIRD sees it', 'bird', 'kind: transit, asn: 64601, import: full, relax: [as-set]'],
  ['AS_SETs are refused', 'frr', 'kind: transit, asn: 64601, import: full'],
  [
    'not found is refused too',
    'frr',
    'kind: transit, asn: 64601, import: full, relax: [as-set], tighten: { notFound: reject }',
  ],
  [
    'the rule is relaxed itself',
    'frr',
    'kind: transit, asn: 64601, import: full, relax: [as-set, rpki-invalid]',
  ],
] as const)('no notice where %s', (_why, daemon, fields) => {
  expect(noticesOf(daemon, fields)).toEqual([])
})

test.each([
  [
    'kind: tor, asn: 64601',
    'noExport: false: the neighbor may pass our routes on, also the host routes 192.0.2.1/32: refuse those where the fabric meets other networks',
  ],
  [
    'kind: provider-private, asn: 3356',
    'noExport: false: the neighbor may pass our routes on to other networks; AS3356 is a public AS number',
  ],
])('without NO_EXPORT the plan says how far the routes of a { %s } may travel', (kind, notice) => {
  expect(noticesOf('bird', `${kind}, noExport: false`, 'noExport')).toEqual([notice])
  expect(noticesOf('bird', kind, 'noExport')).toEqual([])
  const hidden = noticesOf('bird', `${kind}, noExport: false, hostRoutes: false`, 'noExport')
  expect(hidden.join()).not.toContain('192.0.2.1')
})

test('a transit whose whole table is accepted gets a notice, unless the sites set a bound', () => {
  const full = 'kind: transit, asn: 64601, import: full'
  expect(noticesOf('bird', full, 'whole table')).toEqual([
    'import: full accepts the whole table of a transit, up to 1500000 IPv4 routes: BIRD and the kernel of this node need the memory for them, and time at each start. import: default-only accepts one route for each family; tighten.onlyPrefixes, or a limit of your own, accepts less',
  ])
  expect(noticesOf('frr', full, 'whole table').join()).toContain('FRR and the kernel')
  for (const bounded of [
    `${full}, limit: 2000000`,
    `${full}, tighten: { onlyPrefixes: [198.51.100.0/24] }`,
    'kind: transit, asn: 64601, import: default-only',
    'kind: peer, asn: 64601, import: full',
  ]) {
    expect(noticesOf('bird', bounded, 'whole table')).toEqual([])
  }
})

test('short timers without BFD get a notice', () => {
  expect(noticesOf('bird', 'kind: tor, asn: 64601, timers: { hold: 9s }', 'hold time')).toEqual([
    'the hold time is 9 s without BFD: a router that is busy for so long loses the session; with bfd: {} on both sides a failed path is found in a second, and the hold time can be longer',
  ])
})

test.each(['timers: { hold: 9s }, bfd: {}', 'timers: { hold: 30s }', 'bfd: {}'])(
  'no notice about timers for a neighbor with { %s }',
  (fields) => {
    expect(noticesOf('bird', `kind: tor, asn: 64601, ${fields}`, 'hold time')).toEqual([])
  },
)

test('FRR does not see the next hop of IPv4 routes from an unnumbered neighbor: a notice', () => {
  const fields = (rest: string) => `kind: tor, asn: 64601, import: default-only, interface: eth1, ${rest}`
  const notice = [
    'FRR has no filter for the IPv6 next hop of an IPv4 route from an unnumbered neighbor: next-hop refuses only IPv4 next hops there, and sends the packets of all other routes to the neighbor; address: fe80::…, beside interface, lets it refuse them',
  ]
  expect(noticesOf('frr', fields('bfd: {}'), 'next hop')).toEqual(notice)
  expect(noticesOf('bird', fields('bfd: {}'), 'next hop')).toEqual([])
  expect(noticesOf('frr', fields('extendedNextHop: false'), 'next hop')).toEqual([])
  expect(noticesOf('frr', fields('relax: [next-hop]'), 'filter for')).toEqual([])
})

describe('the size of prefix lists', () => {
  const irr = { type: 'as-set', asSet: 'AS-LARGE' } as const
  const noticesFor = (daemon: 'bird' | 'frr', version: string, entries: number) => {
    const set = Array.from({ length: entries }, (_, at) => {
      const prefix = parsePrefix(`10.${at >> 8}.${at & 255}.0/24`)
      if (!prefix.ok) throw new Error(prefix.problem)
      return orLonger(prefix.value)
    })
    return noticesOf(
      daemon,
      'kind: peer, asn: 64601, import: full, irr: { asSet: AS-LARGE }',
      'prefix lists',
      {
        name: null,
        version: `\n    daemonVersion: '${version}'`,
        feeds: { irr: new Map([[irrKey(irr, 'ipv4'), set]]), vrps: null },
      },
    )
  }

  test('FRR 8.4 reads thousands of entries slowly: a notice of the node', () => {
    const [notice, ...others] = noticesFor('frr', '8.4', 2500)
    expect(notice?.replace(/have \d+/, 'have N')).toBe(
      'the prefix lists have N entries, which this FRR reads slowly: 8.4 needs 5 s of processor time in each of zebra and bgpd for 2,500, and 19 s for 10,000, whenever it starts; install FRR 10.3, which needs 4 s for 10,000, use BIRD, or take sets with fewer prefixes at irr',
    )
    expect(Number(/have (\d+)/.exec(notice!)?.[1])).toBeGreaterThanOrEqual(2500)
    expect(Number(/have (\d+)/.exec(notice!)?.[1])).toBeLessThan(2700)
    expect(others).toEqual([])
  })

  test.each([
    ['frr', '8.4', 1500],
    ['frr', '10.3', 2500],
    ['bird', '2.17', 2500],
  ] as const)('no notice for %s %s with %d', (daemon, version, entries) => {
    expect(noticesFor(daemon, version, entries)).toEqual([])
  })
})
