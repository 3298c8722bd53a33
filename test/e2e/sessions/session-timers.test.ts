import { afterEach, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { type RenderedPair, startRendered } from '../fixtures/routing/rendered.ts'
import { until } from '../fixtures/routing/until.ts'

let pair: RenderedPair | null = null
afterEach(async () => {
  await pair?.stop()
  pair = null
})

test.each(['bird', 'frr'] as const)(
  "%s offers the hold time of the YAML, and the neighbor's longer one does not apply",
  async (kind) => {
    pair = await startRendered({
      kind,
      neighbors: [
        'name: tor, kind: tor, asn: 64611, address: 10.1.0.1, localAddress: 10.1.0.2, timers: { hold: 12s, keepalive: 2s }',
      ],
      far: {
        kind: 'bird',
        config: (dir) => `router id 10.1.0.1; log "${dir}/log" all; protocol device {}
protocol bgp leaf { local 10.1.0.1 as 64611; neighbor 10.1.0.2 as 64500; hold time 180; connect delay time 1; passive; ipv4 { import all; export none; }; }
`,
      },
      wire: { node: ['addr add 10.1.0.2/24 dev eth1'], far: ['addr add 10.1.0.1/24 dev swp1'] },
    })
    const { askFar, askNode } = pair
    await until('the neighbor has the hold time', async () => {
      const text = await askFar('show protocols all leaf')
      return /Established/.test(text) && /Hold timer:\s+[\d.]+\/12\b/.test(text) ? null : text
    })
    const own = await askNode(kind === 'bird' ? 'show protocols all aw_tor' : 'show bgp neighbors 10.1.0.1')
    expect(own).toMatch(
      kind === 'bird'
        ? /Keepalive timer:\s+[\d.]+\/2\b/
        : /hold time is 12 seconds, keepalive interval is 2 seconds/i,
    )
  },
  patience(90_000),
)
