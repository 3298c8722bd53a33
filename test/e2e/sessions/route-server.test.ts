import { describe, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { startRendered } from '../fixtures/routing/rendered.ts'
import { until } from '../fixtures/routing/until.ts'

const members = ['8.8.8.0/24', '2620:fe::/48']

/** A BIRD that leaves its own AS out of the paths (RFC 7947, section 2.2.2.1), with one route of a member in each family. */
const serverConfig = (dir: string) => `router id 10.77.0.1;
log "${dir}/log" all;
protocol device {}
filter of_member { bgp_path.prepend(3333); accept; }
${members
  .map((route, at) => {
    const family = at === 0 ? 'ipv4' : 'ipv6'
    const [server, node] = at === 0 ? ['10.77.0.1', '10.77.0.2'] : ['fd77::1', 'fd77::2']
    return `protocol static { ${family}; route ${route} blackhole; }
protocol bgp { local ${server} as 64999; neighbor ${node} as 64500; rs client; passive; connect delay time 1;
  ${family} { import all; export filter of_member; next hop self; }; }`
  })
  .join('\n')}
`

describe.each(['bird', 'frr'] as const)('%s', (kind) => {
  test(
    "accepts a route server's routes, whose paths begin with a member's AS",
    async () => {
      const pair = await startRendered({
        kind,
        neighbors: [
          'name: ix4, kind: route-server, asn: 64999, address: 10.77.0.1, localAddress: 10.77.0.2, import: full, role: none',
          'name: ix6, kind: route-server, asn: 64999, address: "fd77::1", localAddress: "fd77::2", import: full, role: none',
        ],
        far: { kind: 'bird', config: serverConfig },
        wire: {
          node: ['addr add 10.77.0.2/24 dev eth1', 'addr add fd77::2/64 dev eth1 nodad'],
          far: ['addr add 10.77.0.1/24 dev swp1', 'addr add fd77::1/64 dev swp1 nodad'],
        },
      })
      try {
        for (const route of members) {
          const family = route.includes(':') ? 'ipv6' : 'ipv4'
          const command =
            kind === 'bird' ? `show route for ${route} all` : `show bgp ${family} unicast ${route}`
          const look = async () => {
            const said = await pair.askNode(command)
            return /^(?:\s*(?:BGP\.as_path|bgp_path): 3333|\s+3333)\s*$/m.test(said) ? null : said
          }
          await until(`the node has ${route}`, look, { everyMs: 300 })
        }
        const sessions = await pair.daemon.observe()
        expect(sessions.neighbors.map(({ session }) => session)).toEqual(['up', 'up'])
      } finally {
        await pair.stop()
      }
    },
    patience(90_000),
  )
})
