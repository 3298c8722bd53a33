import { afterEach, expect, test } from 'vitest'
import { createBirdBfd } from '../../src/node/routing/bird/bfd.ts'
import { createFrrBfd } from '../../src/node/routing/frr/bfd.ts'
import { type RenderedPair, startRendered } from '../e2e/fixtures/routing/rendered.ts'
import { until } from '../e2e/fixtures/routing/until.ts'
import { patience } from '../patience.ts'

let pair: RenderedPair | null = null
afterEach(async () => {
  await pair?.stop()
  pair = null
})

const far = {
  kind: 'bird',
  config: (dir: string) => `router id 10.1.0.1; log "${dir}/log" all; protocol device {}
protocol bfd {}
protocol static { ipv4; route 0.0.0.0/0 blackhole; }
protocol bgp node { local 10.9.0.1 as 64611; neighbor 10.9.0.2 as 64500; bfd on; connect delay time 1; connect retry time 1;
  ipv4 { import all; export where source = RTS_STATIC; next hop self; }; }
`,
} as const
const wire = {
  node: [
    ...['link add red type vrf table 100', 'link set red up', 'link set eth1 master red'],
    'addr add 10.9.0.2/30 dev eth1',
  ],
  far: ['addr add 10.9.0.1/30 dev swp1'],
}

test.each([
  ['bird', 'nothing', createBirdBfd],
  ['frr', 'default-only', createFrrBfd],
] as const)(
  '%s announces, degrades and withdraws in a VRF, reads it back, has BFD there, and import: %s is what its table has',
  async (kind, imports, createBfd) => {
    pair = await startRendered({
      kind,
      neighbors: [
        `name: rack, kind: tor, asn: 64611, address: 10.9.0.1, localAddress: 10.9.0.2, vrf: red, import: ${imports}, bfd: {}`,
      ],
      far,
      wire,
    })
    const { daemon, announce, manifest, onNode, askFar } = pair
    const ours = ['192.0.2.0/24', '192.0.2.1/32']
    const both = async (wanted: readonly string[], shows: (text: string) => boolean) => {
      const { neighbors } = await daemon.observe()
      const read = [...neighbors[0]!.announced].map(([prefix, grade]) => `${prefix} ${grade}`)
      const text = await askFar('show route all protocol node')
      return read.join() === wanted.join() && shows(text) ? null : `${JSON.stringify(read)}\n${text}`
    }
    await announce()
    await until('the neighbor has the prefixes', () =>
      both(
        ours.map((prefix) => `${prefix} normal`),
        (text) => ours.every((prefix) => text.includes(`\n${prefix} `)),
      ),
    )
    const bfd = createBfd({ manifest, deadlineMs: patience(1000) })
    await until('BFD is up', async () => {
      const state = (await bfd.look()).get('rack')
      return state === 'up' ? null : String(state)
    })
    bfd.close()
    await until('the table of the VRF', async () => {
      const routes = await onNode('ip', 'route', 'show', 'default', 'table', '100')
      return routes.includes('via 10.9.0.1') === (imports === 'default-only') ? null : routes
    })
    expect(await onNode('ip', 'route', 'show', 'default')).not.toContain('10.9.0.1')
    await daemon.apply(new Map(ours.map((prefix) => [prefix, 'degraded'])))
    await until('the neighbor has degraded ones', () =>
      both(
        ours.map((prefix) => `${prefix} degraded`),
        (text) => text.split('(65535,0)').length === ours.length + 1,
      ),
    )
    await daemon.apply(new Map())
    await until('the neighbor has none', () => both([], (text) => !text.includes('192.0.2.')))
  },
  patience(120_000),
)

test(
  'an attached frr announces in the VRF of its own session, with `bgp network import-check`',
  async () => {
    pair = await startRendered({
      kind: 'frr',
      node: '    routing: attached\n',
      neighbors: ['name: rack, kind: tor, asn: 64611, address: 10.9.0.1, vrf: red'],
      own: (filters) => `frr defaults traditional
${filters}
router bgp 64500 vrf red
 bgp router-id 10.0.0.1
 neighbor 10.9.0.1 remote-as 64611
 neighbor 10.9.0.1 timers connect 1
 address-family ipv4 unicast
  neighbor 10.9.0.1 route-map aw_rack-in in
  neighbor 10.9.0.1 route-map aw_rack-out out
 exit-address-family
exit
`,
      far: {
        ...far,
        config: (dir) => far.config(dir).replace(' bfd on;', '').replace('protocol bfd {}\n', ''),
      },
      wire,
    })
    const { announce, daemon, askFar, askNode } = pair
    await announce()
    await until('the neighbor has the prefixes', async () => {
      const text = await askFar('show route all protocol node')
      const wanted = ['192.0.2.0/24', '192.0.2.1/32']
      return wanted.every((prefix) => text.includes(`\n${prefix} `)) ? null : text
    })
    const { neighbors } = await daemon.observe()
    expect([...neighbors[0]!.announced.keys()].sort()).toEqual(['192.0.2.0/24', '192.0.2.1/32'])
    expect(await askNode('show running-config')).not.toContain('no bgp network import-check')
    await daemon.apply(new Map())
    await until('the neighbor has none', async () => {
      const text = await askFar('show route all protocol node')
      return text.includes('192.0.2.') ? text : null
    })
  },
  patience(120_000),
)
