import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BirdClient } from '../../src/node/routing/bird/client.ts'
import { daemonsIn } from '../e2e/fixtures/routing/daemons-in.ts'
import { until } from '../e2e/fixtures/routing/until.ts'
import { patience } from '../patience.ts'

const node = 'vrf-node'
const far = 'vrf-far'
const near = '10.9.0.2'
const neighbor = '10.9.0.1'
const table = '100'

/** What each daemon needs for a session in the VRF `red`, whose routes are in table 100 of the kernel. */
const configs = {
  bird: `router id 10.0.0.11;
protocol device {}
ipv4 table red4;
protocol kernel { vrf "red"; kernel table ${table}; ipv4 { table red4; import none; export where source = RTS_BGP; }; }
protocol static { ipv4 { table red4; }; route 192.0.2.0/24 blackhole; }
protocol bgp upstream {
  vrf "red";
  local ${near} as 64500;
  neighbor ${neighbor} as 64601;
  connect delay time 1; connect retry time 1;
  ipv4 { table red4; import all; export where source = RTS_STATIC; };
}
`,
  frr: `frr defaults traditional
router bgp 64500 vrf red
 bgp router-id 10.0.0.11
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor ${neighbor} remote-as 64601
 neighbor ${neighbor} timers connect 1
 address-family ipv4 unicast
  network 192.0.2.0/24
 exit-address-family
exit
`,
} as const

const farConfig = `router id 10.0.0.99;
protocol device {}
protocol static { ipv4; route 0.0.0.0/0 blackhole; }
protocol bgp node {
  local ${neighbor} as 64601;
  neighbor ${near} as 64500;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 { import all; export where source = RTS_STATIC; next hop self; };
}
`

describe.each(['bird', 'frr'] as const)('a session of %s in a VRF', (kind) => {
  const undo: (() => Promise<unknown>)[] = []
  let dir: string
  let client: BirdClient
  const routes = async (which: string) =>
    (
      await execa('ip', ['-n', node, 'route', 'show', 'default', 'table', which], { reject: false })
    ).stdout.trim()

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kernel-vrf-'))
    await chmod(dir, 0o755)
    undo.push(() => rm(dir, { recursive: true }))
    for (const name of [node, far]) {
      await execa('ip', ['netns', 'add', name])
      undo.push(() => execa('ip', ['netns', 'delete', name]))
      await execa('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
    }
    const lines = [
      `link add red type vrf table ${table}`,
      'link set red up',
      `link add eth1 type veth peer name eth1 netns ${far}`,
      'link set eth1 master red',
      'link set eth1 up',
      `address add ${near}/30 dev eth1`,
    ]
    await execa('ip', ['-n', node, '-batch', '-'], { input: `${lines.join('\n')}\n` })
    const opposite = ['link set eth1 up', `address add ${neighbor}/30 dev eth1`]
    await execa('ip', ['-n', far, '-batch', '-'], { input: `${opposite.join('\n')}\n` })
    for (const [name, namespace, daemon, config] of [
      ['far', far, 'bird', farConfig],
      ['node', node, kind, configs[kind]],
    ] as const) {
      const folder = join(dir, name)
      await mkdir(folder)
      const daemons = await daemonsIn(daemon, namespace, folder, undo)
      const started = await daemons.prepare(config)
      undo.push(() => started.kill())
      await started.start()
      if (name === 'far')
        client = new BirdClient({ socketPath: daemons.socketPath, deadlineMs: patience(5000) })
    }
    undo.push(async () => client.close())
  }, patience(120_000))

  afterAll(async () => {
    for (const step of undo.reverse()) await step()
  }, patience(60_000))

  test('advertises our prefix, and its default route is in the table of the VRF alone', async () => {
    await until('the neighbor has the prefix', async () => {
      const { lines } = await client.send('show route protocol node')
      return lines.some(({ text }) => text.startsWith('192.0.2.0/24 ')) ? null : JSON.stringify(lines)
    })
    await until('the VRF has the default route', async () => {
      const found = await routes(table)
      return found.includes(`via ${neighbor}`) ? null : `it has "${found}"`
    })
    expect(await routes('main')).toBe('')
  })
})
