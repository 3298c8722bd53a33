import { afterEach, expect, test } from 'vitest'
import { hasFeature } from '../../../src/plan/sites/checks/versions.ts'
import { installedVersion } from '../../installed-version.ts'
import { patience } from '../../patience.ts'
import { type RenderedPair, startRendered } from '../fixtures/routing/rendered.ts'
import { until } from '../fixtures/routing/until.ts'

let pair: RenderedPair | null = null
afterEach(async () => {
  await pair?.stop()
  pair = null
})

/** As the documents of Cumulus Linux have it: unnumbered, both address families over one session. */
const cumulusLeaf = `frr defaults datacenter
hostname leaf
service integrated-vtysh-config
router bgp 64611
 bgp router-id 10.1.0.1
 no bgp ebgp-requires-policy
 neighbor swp1 interface remote-as external
 address-family ipv4 unicast
  neighbor swp1 default-originate
 exit-address-family
 address-family ipv6 unicast
  neighbor swp1 activate
  neighbor swp1 default-originate
 exit-address-family
exit
`
const leaf = { kind: 'frr', config: () => cumulusLeaf } as const

const birdLeaf = (session: string) =>
  ({
    kind: 'bird',
    config: (dir: string) => `router id 10.1.0.1; log "${dir}/log" all; protocol device {}
protocol static { ipv4; route 0.0.0.0/0 blackhole; }
protocol static { ipv6; route ::/0 blackhole; }
protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }
protocol kernel { ipv6 { import none; export where source = RTS_BGP; }; }
protocol bgp leaf { ${session} connect delay time 1; connect retry time 1;
  ipv4 { extended next hop on; import all; export where source = RTS_STATIC; next hop self; };
  ipv6 { import all; export where source = RTS_STATIC; next hop self; }; }
`,
  }) as const

const scoped = {
  node: ['link set eth1 addrgenmode none', 'addr flush dev eth1', 'addr add fe80::2/64 dev eth1'],
  far: ['link set swp1 addrgenmode none', 'addr flush dev swp1', 'addr add fe80::1/64 dev swp1'],
}
const numbered = {
  node: ['addr add 2001:db8:9::2/64 dev eth1'],
  far: ['addr add 2001:db8:9::1/64 dev swp1'],
}
const unnumbered = 'interface: eth1, import: default-only'
/** Of this FRR, whether a neighbor that is named by its link-local address may have `import: nothing` alone. */
const takesNoneByLinkLocal = hasFeature(
  { daemon: 'frr', daemonVersion: installedVersion('frr') },
  'next-hop-of-link',
)

test.each([
  ['bird', 'unnumbered, to a leaf of Cumulus', unnumbered, leaf, scoped, 'fe80::1'],
  ['frr', 'unnumbered, to a leaf of Cumulus', unnumbered, leaf, scoped, 'fe80::1'],
  [
    'bird',
    'by its link-local address, to a leaf of Cumulus',
    'address: "fe80::1", interface: eth1, extendedNextHop: true, import: default-only',
    leaf,
    scoped,
    'fe80::1',
  ],
  [
    'frr',
    'by its link-local address, to a leaf of Cumulus',
    'address: "fe80::1", interface: eth1, localAddress: "fe80::2", extendedNextHop: true, import: default-only',
    leaf,
    scoped,
    'fe80::1',
  ],
  [
    'bird',
    'by its link-local address, to a BIRD that names ours, with BFD and GTSM',
    'address: "fe80::1", interface: eth1, localAddress: "fe80::2", extendedNextHop: true, import: default-only, gtsm: true, bfd: {}',
    birdLeaf('local fe80::1 as 64611; neighbor fe80::2 as 64500; interface "swp1"; ttl security on; bfd on;'),
    scoped,
    'fe80::1',
  ],
  [
    'frr',
    'by its link-local address, to a BIRD that names ours, with GTSM',
    'address: "fe80::1", interface: eth1, extendedNextHop: true, import: default-only, gtsm: true',
    birdLeaf('local fe80::1 as 64611; neighbor fe80::2 as 64500; interface "swp1"; ttl security on;'),
    scoped,
    'fe80::1',
  ],
  ...(['bird', 'frr'] as const).map(
    (kind) =>
      [
        kind,
        'IPv4 over the session of a global address',
        'address: "2001:db8:9::1", extendedNextHop: true, import: default-only',
        birdLeaf('local 2001:db8:9::1 as 64611; neighbor 2001:db8:9::2 as 64500;'),
        numbered,
        '2001:db8:9::1',
      ] as const,
  ),
] as const)(
  '%s, %s: both address families are announced, read back and accepted',
  async (kind, _title, fields, far, wire, gateway) => {
    const takesNone = kind === 'frr' && takesNoneByLinkLocal && fields.includes('address: "fe80::1"')
    pair = await startRendered({
      kind,
      neighbors: [
        `name: leaf, kind: tor, asn: 64611, ${takesNone ? fields.replace('default-only', 'nothing') : fields}`,
      ],
      far,
      wire,
    })
    const { daemon, announce, manifest, onNode, askFar, askNode } = pair
    const shown = async () =>
      [
        await askNode(kind === 'bird' ? 'show protocols all' : 'show bgp summary'),
        await askFar(far.kind === 'bird' ? 'show route all' : 'show bgp summary'),
      ].join('\n')
    await announce()
    await until('the neighbor has what the node announces', async () => {
      const { neighbors } = await daemon.observe()
      const announced = [...(neighbors[0]?.announced.keys() ?? [])].join(' ')
      return announced === manifest.neighbors[0]!.prefixes.join(' ')
        ? null
        : `${JSON.stringify(neighbors[0])} ${await shown()}`
    })
    expect(manifest.neighbors[0]!.prefixes).toEqual([
      '192.0.2.0/24',
      '192.0.2.1/32',
      '2001:db8:51::/48',
      '2001:db8:51::1/128',
    ])
    if (!takesNone)
      await until('both default routes go to the neighbor', async () => {
        const routes = [
          await onNode('ip', '-4', 'route', 'show', 'default'),
          await onNode('ip', '-6', 'route', 'show', 'default', 'proto', kind === 'bird' ? 'bird' : 'bgp'),
        ]
        const through = (text: string) =>
          new RegExp(`via (?:inet6 )?(?:${gateway}|fe80::\\S+) dev eth1`).test(text)
        return routes.every(through) ? null : `${routes.join('\n')}\n${await shown()}`
      })
    await until('the neighbor has routes to the node', async () => {
      const routes = await pair!.onFar('ip', '-4', 'route', 'show', '192.0.2.1')
      return /via inet6 \S+ dev swp1/.test(routes) ? null : `${routes}\n${await shown()}`
    })
  },
  patience(90_000),
)

const otherRouter = '2001:db8:9::66'
const hostileLeaf = (session: string) =>
  ({
    kind: 'bird',
    config: (dir: string) => `router id 10.1.0.1; log "${dir}/log" all; protocol device {}
protocol static { ipv4; route 0.0.0.0/0 blackhole; }
protocol static { ipv6; route ::/0 blackhole; }
filter hostile { if source != RTS_STATIC then reject; bgp_next_hop = ${otherRouter}; accept; }
protocol bgp leaf { ${session} connect delay time 1; connect retry time 1;
  ipv4 { extended next hop on; import all; export filter hostile; }; ipv6 { import all; export filter hostile; }; }
`,
  }) as const

test.each(
  (['bird', 'frr'] as const)
    .flatMap(
      (kind) =>
        [
          [
            kind,
            'a link-local neighbor',
            'address: "fe80::1", interface: eth1, extendedNextHop: true',
            'local fe80::1 as 64611; neighbor fe80::2 as 64500; interface "swp1";',
          ],
          [
            kind,
            'a neighbor with a global address',
            'address: "2001:db8:9::1", extendedNextHop: true',
            'local 2001:db8:9::1 as 64611; neighbor 2001:db8:9::2 as 64500;',
          ],
        ] as const,
    )
    .filter(([kind, , fields]) => kind === 'bird' || !takesNoneByLinkLocal || !fields.includes('fe80::1')),
)(
  '%s refuses routes of %s whose next hop is another router, in both address families',
  async (kind, _title, fields, session) => {
    pair = await startRendered({
      kind,
      neighbors: [`name: leaf, kind: tor, asn: 64611, import: default-only, ${fields}`],
      far: hostileLeaf(session),
      wire: { node: [...scoped.node, ...numbered.node], far: [...scoped.far, ...numbered.far] },
    })
    const { askNode } = pair
    await until('the node has filtered both routes', async () => {
      if (kind === 'bird') {
        const text = await askNode('show protocols all aw_leaf')
        const filtered = text.match(/Import updates: +1 +0 +1 +0(?: +0)+\n/g) ?? []
        return filtered.length === 2 ? null : text
      }
      const text = await askNode('show bgp neighbors json')
      const [peer] = Object.values(JSON.parse(text) as Record<string, FrrPeer>)
      const accepted = Object.values(peer!.addressFamilyInfo ?? {}).map(
        (family) => family.acceptedPrefixCounter,
      )
      return (peer!.messageStats?.updatesRecv ?? 0) >= 2 && accepted.join() === '0,0' ? null : text
    })
    const routes = await Promise.all(
      ['-4', '-6'].map((version) => pair!.onNode('ip', version, 'route', 'show', 'default')),
    )
    expect(routes.join('')).toBe('')
  },
  patience(90_000),
)

interface FrrPeer {
  readonly messageStats?: { readonly updatesRecv?: number }
  readonly addressFamilyInfo?: Readonly<Record<string, { readonly acceptedPrefixCounter: number }>>
}
