import { describe, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { startRendered } from '../fixtures/routing/rendered.ts'
import { until } from '../fixtures/routing/until.ts'

/** A BIRD that knows the node as AS65010, and sends one good route and two loops. */
const providerConfig = (dir: string, role: string) => `router id 10.77.0.1;
log "${dir}/log" all;
protocol device {}
protocol static { ipv4; route 8.8.8.0/24 blackhole; route 9.9.8.0/24 blackhole; route 9.9.9.0/24 blackhole; }
filter loops {
  if source != RTS_STATIC then reject;
  bgp_path.prepend(3333);
  if net = 9.9.8.0/24 then bgp_path.prepend(65010);
  if net = 9.9.9.0/24 then bgp_path.prepend(64500);
  accept;
}
protocol bgp node { local 10.77.0.1 as 64601; neighbor 10.77.0.2 as 65010; passive; ${role}
  ipv4 { import keep filtered; import all; export filter loops; next hop self; }; }
`

// FRR would mark the routes with the AS number of the node, which a peer takes for a leak.
describe.each([
  ['bird', 'kind: peer, limit: 9', 'local role peer;'],
  ['frr', 'kind: peer, limit: 9, role: none', ''],
] as const)('%s, with localAs', (kind, fields, role) => {
  test(
    'has only that number in the paths that the neighbor sees, and accepts no path with either number',
    async () => {
      const pair = await startRendered({
        kind,
        neighbors: [
          `name: provider, ${fields}, asn: 64601, localAs: 65010, address: 10.77.0.1, localAddress: 10.77.0.2, prepend: 1`,
        ],
        far: { kind: 'bird', config: (dir) => providerConfig(dir, role) },
        wire: {
          node: ['addr add 10.77.0.2/24 dev eth1'],
          far: ['addr add 10.77.0.1/24 dev swp1'],
        },
      })
      try {
        await pair.announce()
        const seen = async () => {
          const all = await pair.askFar('show route 192.0.2.0/24 all protocol node')
          return /(?:BGP\.as_path|bgp_path): ([\d ]+)\n/.exec(all)?.[1]
        }
        await until('the neighbor has the prefix', async () =>
          (await seen()) === undefined ? pair.askFar('show route all protocol node') : null,
        )
        expect(await seen()).toBe('65010 65010')
        await until('the node has received all three routes', async () => {
          if (kind === 'bird') {
            const said = await pair.askNode('show protocols all aw_provider')
            // The loop that BIRD finds itself counts as withdrawn.
            return /Import updates:\s+2 [\s\S]*Import withdraws:\s+1 /.test(said) ? null : said
          }
          const said = await pair.askNode('show bgp neighbors json')
          const [peer] = Object.values(
            JSON.parse(said) as Record<string, { messageStats: { updatesRecv: number } }>,
          )
          return peer!.messageStats.updatesRecv >= 3 ? null : said
        })
        const list = kind === 'bird' ? 'show route protocol aw_provider' : 'show bgp ipv4 unicast'
        await until('the node has the good route', async () => {
          const said = await pair.askNode(list)
          return said.includes('8.8.8.0/24') ? null : said
        })
        expect(await pair.askNode(list)).not.toMatch(/9\.9\.[89]\.0/)
        const observed = await pair.daemon.observe()
        expect([...observed.neighbors[0]!.announced.keys()]).toEqual(['192.0.2.0/24'])
      } finally {
        await pair.stop()
      }
    },
    patience(90_000),
  )
})
