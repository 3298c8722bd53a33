import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { normally } from '../../src/net/announcements.ts'
import { findBirdProblems } from '../../src/plan/sites/checks/extra/bird.ts'
import { findFrrProblems } from '../../src/plan/sites/checks/extra/frr.ts'
import { until } from '../e2e/fixtures/routing/until.ts'
import { patience } from '../patience.ts'
import { announceLearned, controlOf, untilAdvertised } from './advertised.ts'
import { inject, makeProofBed, type ProofBed, type ProofNode } from './bed/node.ts'
import { describeMismatches, findMismatches } from './compare.ts'
import { neighbors } from './fleet/neighbors.ts'
import { type DaemonKind, planNode, vrps } from './fleet/proof-fleet.ts'
import { ourAsn, own } from './fleet/resources.ts'
import { routesOf } from './routes/route-set.ts'

const chosen = neighbors.filter(({ name }) => ['transit4', 'rack4', 'inside4'].includes(name))
const { covering, host, other } = own.ipv4
const find = { bird: findBirdProblems, frr: findFrrProblems } as const

/** Everything that extra may do, aimed at the filters and prefixes of the planner: it is accepted, and changes nothing. */
const accepted: Readonly<Record<DaemonKind, string>> = {
  bird: `
define OURS = [ ${covering} ];
filter everything { bgp_community.add((65535, 0)); accept; }
function matches() { return true; }
attribute int mark;
ipv4 table others;
protocol static foreign { ipv4; route 99.93.0.0/24 blackhole; }
protocol static narrower { ipv4; route 99.99.0.0/25 blackhole; }
# While the controller announces nothing, this is the best route to the prefix.
protocol static same { ipv4 { preference 1; }; route ${covering} blackhole; route ${host} blackhole; }
protocol static elsewhere { ipv4 { table others; }; route 99.92.0.0/24 blackhole; }
protocol pipe mixed { table master4; peer table others; import all; export filter everything; }
template static model { ipv4; }
protocol static derived from model { route 99.91.0.0/24 blackhole; }
debug protocols all;
`,
  frr: `
ip route 99.93.0.0/24 blackhole
ip route 99.99.0.0/25 blackhole
ip route ${covering} blackhole 5
ip prefix-list everything seq 5 permit 0.0.0.0/0 le 32
access-list everything seq 5 permit any
bgp as-path access-list everything seq 5 permit .*
bgp community-list expanded everything permit .*
route-map everything permit 10
 match ip address prefix-list everything
 set community 65535:0 additive
exit
bfd
 profile own
  detect-multiplier 9
 exit
exit
ip protocol bgp route-map everything
`,
}

/** What extra refuses, and what the neighbor would receive otherwise. */
const refused: readonly (readonly [DaemonKind, title: string, text: string, leak: string])[] = [
  [
    'bird',
    'a second session with the neighbor, before ours',
    `protocol static foreign { ipv4; route 99.93.0.0/24 blackhole; }
protocol bgp mine { local 10.77.0.1 as ${ourAsn}; neighbor 10.77.1.1 as 3000; ipv4 { import none; export all; }; }`,
    '99.93.0.0/24',
  ],
  [
    'bird',
    'a protocol with the name of the controller’s',
    `protocol static 'anyward4' { ipv4; route ${covering} blackhole; }`,
    covering,
  ],
  [
    'frr',
    'the block of BGP, shortened',
    `rou b ${ourAsn}\n address-family ipv4 unicast\n  network ${covering}`,
    covering,
  ],
  [
    'frr',
    'an entry of our route-map',
    `route-m aw_transit4-out permit 1\nrouter bgp ${ourAsn}\n address-family ipv4 unicast\n  network 99.93.0.0/24`,
    '99.93.0.0/24',
  ],
  [
    'frr',
    'the block of BGP at the end of a long comment',
    `!${' '.repeat(4094)}router bgp ${ourAsn}\n address-family ipv4 unicast\n  network ${covering}`,
    covering,
  ],
]

describe.each(['bird', 'frr'] as const)('extra configuration of %s', (kind) => {
  let bed: ProofBed
  let node: ProofNode | null = null

  const start = async (extra: Record<string, string>, edit?: (config: string) => string) => {
    const { dir, socketPath } = bed.bed
    node = await bed.run(planNode(kind, dir, socketPath, chosen, { extra }), chosen, edit)
    return node
  }
  beforeAll(async () => {
    bed = await makeProofBed(kind, chosen, vrps)
  }, patience(120_000))
  afterEach(async () => {
    await node?.stop()
    node = null
  })
  afterAll(async () => {
    await bed?.stop()
  })

  test('before and behind the planner’s own, it changes no export and no import', async () => {
    const extra = accepted[kind]
    expect(find[kind](extra)).toEqual([])
    // A second definition of a name would be refused by BIRD.
    const running = await start(kind === 'bird' ? { top: extra } : { top: extra, bottom: extra })
    await announceLearned(running)
    const daemon = controlOf(running)
    try {
      for (const prefixes of [[covering, host, other], [other], []]) {
        await daemon.apply(normally(prefixes))
        await untilAdvertised(running, normally(prefixes))
      }
    } finally {
      daemon.close()
    }
    const transit = chosen.find(({ name }) => name === 'transit4')!
    const routes = routesOf(transit)
    const observed = { [kind]: await inject(running, transit, routes) }
    const policy = running.plan.sessions.find(({ neighbor }) => neighbor === transit.name)!.channels[0]!
      .import
    const mismatches = findMismatches(transit, policy, routes, vrps, observed)
    expect(mismatches.length, describeMismatches(mismatches, { [kind]: running.config })).toBe(0)
  })

  test.each(refused.filter(([of]) => of === kind))('of %s refuses %s', async (_kind, _title, text, leak) => {
    expect(find[kind](text).length).toBeGreaterThan(0)
    // Without the refusal, a neighbor would receive it, without a controller.
    // At a boot, BIRD has no announcements of the controller.
    const { sessions } = await start({}, (config) =>
      kind === 'bird' ? config.replace(/^include .*/m, text) : `${config}${text}\n`,
    )
    const { received } = sessions.get('transit4')!.speaker
    await until(`the neighbor has received ${leak}`, async () =>
      received.has(leak) ? null : [...received.keys()].join(),
    )
  })
})
