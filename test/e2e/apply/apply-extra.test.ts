import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import { hashOf } from '../../../src/files/hash.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { Vtysh } from '../../../src/node/routing/frr/vtysh.ts'
import { patience } from '../../patience.ts'
import { alterBundle, applyOn } from '../fixtures/apply/bundles.ts'
import {
  cli,
  inside,
  type Lab,
  type LabNode,
  labDown,
  labUp,
  NeighborTables,
  until,
  untilComplete,
} from '../fixtures/lab/lab.ts'
import { Daemon } from '../fixtures/routing/daemon-process.ts'

/** The OSPF key of the node, and of the router beside it. */
const secret = 'not-to-be-seen'

/** OSPF that has a route of its own, and a static route to our covering prefix, which it must not announce. */
const extra = {
  bird: (key: string) => `protocol static core_statics { ipv4; route 10.50.0.0/24 blackhole; }
protocol static same { ipv4 { preference 1; }; route 192.0.2.0/24 blackhole; }
protocol ospf v2 core {
  ipv4 { import all; export where proto = "core_statics"; };
  area 0 { interface "core0" { hello 1; dead 4; type ptp; authentication cryptographic; password "@anyward-secret:${key}@"; }; };
}
`,
  frr: (key: string) => `ip route 10.50.0.0/24 blackhole
ip route 192.0.2.0/24 blackhole 5
!
ip prefix-list core seq 5 permit 10.50.0.0/16 le 24
!
route-map core permit 10
 match ip address prefix-list core
exit
!
interface core0
 ip ospf area 0
 ip ospf authentication message-digest
 ip ospf dead-interval 4
 ip ospf hello-interval 1
 ip ospf message-digest-key 1 md5 @anyward-secret:${key}@
 ip ospf network point-to-point
exit
!
router ospf
 ospf router-id 10.0.0.2
 redistribute static route-map core
exit
`,
} as const

const kinds = ['bird', 'frr'] as const
/** What neither daemon parses. */
const broken = ['10.50.0.0/24 blackhole', '10.50.0.0/24 nowhere at all'] as const
/** A second route of OSPF. */
const more = {
  bird: ['route 10.50.0.0/24 blackhole;', 'route 10.50.0.0/24 blackhole; route 10.50.1.0/24 blackhole;'],
  frr: [
    'ip route 10.50.0.0/24 blackhole',
    'ip route 10.50.0.0/24 blackhole\nip route 10.50.1.0/24 blackhole',
  ],
} as const

const coreConfig = `router id 10.99.0.2;
protocol device {}
protocol ospf v2 { ipv4 { import all; export none; };
  area 0 { interface "core1" { hello 1; dead 4; type ptp; authentication cryptographic; password "${secret}"; }; }; }
`

let dir: string
let sites: string
let lab: Lab

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'apply-extra-'))
  sites = join(dir, 'sites')
  await cp('test/e2e/fixtures/fleet', sites, { recursive: true })
  const key = join(dir, 'ospf.password')
  await writeFile(key, `${secret}\n`, { mode: 0o600 })
  for (const [site, daemon] of [
    ['oslo', 'bird'],
    ['rome', 'frr'],
  ] as const) {
    await writeFile(join(sites, `${daemon}.conf`), extra[daemon](key))
    const file = join(sites, `${site}.yaml`)
    const text = await readFile(file, 'utf8')
    await writeFile(
      file,
      text.replace('    services: [vpn]', `    services: [vpn]\n    extra: [{ file: ${daemon}.conf }]`),
    )
  }
  lab = await labUp(sites)
}, patience(120_000))
afterAll(async () => {
  await labDown()
  await rm(dir, { recursive: true, force: true })
}, patience(60_000))

/** Returns the text from before. */
async function editFile(daemon: 'bird' | 'frr', [from, to]: readonly [string, string]): Promise<string> {
  const file = join(sites, `${daemon}.conf`)
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace(from, to))
  return text
}

/** `anyward plan` into the same folder each time, so that the second plan prints the difference to the first. */
const plan = () =>
  execa(process.execPath, [cli, 'plan', '--sites', sites, '--out', join(dir, 'out')], {
    reject: false,
  })

test(
  'plan shows each changed line of an extra file, and refuses one that the daemon does not parse',
  async () => {
    expect(await plan()).toMatchObject({ exitCode: 0 })
    for (const daemon of kinds) await editFile(daemon, more[daemon])
    const { exitCode, stdout } = await plan()
    expect(exitCode).toBe(0)
    for (const daemon of kinds) expect(stdout).toContain(`the extra configuration ${daemon}.conf changes`)
    expect(stdout.match(/^ *\+.*10\.50\.1\.0\/24/gm)).toHaveLength(2)
    for (const daemon of kinds) {
      const text = await editFile(daemon, broken)
      const refused = await plan()
      expect(refused.exitCode).toBe(1)
      expect(refused.stderr).toContain(
        `refuses the configuration of ${daemon === 'bird' ? 'oslo' : 'rome'}-a`,
      )
      await writeFile(join(sites, `${daemon}.conf`), text)
    }
  },
  patience(120_000),
)

describe.each(kinds)('extra on a node with %s', { timeout: patience(120_000) }, (kind) => {
  const undo: (() => Promise<unknown>)[] = []
  let node: LabNode
  let tables: NeighborTables
  let everything: string[]
  let manifest: Manifest
  let core: { readonly routes: () => Promise<string[]> }

  const status = async () => (await (await fetch(node.statusUrl)).json()) as NodeStatus
  /** Of BIRD, which does not print its configuration, its protocols. */
  const running = async () =>
    kind === 'frr'
      ? new Vtysh(dirname(node.controlSocket)).readRunning()
      : (await execa('birdc', ['-s', node.controlSocket, 'show', 'protocols'])).stdout.replaceAll(
          /\d\d:\d\d:\S+/g,
          '',
        )
  const state = async () => ({
    config: await readFile(manifest.paths.configFile!, 'utf8'),
    manifest: await readFile(join(node.bundle, 'manifest.json'), 'utf8'),
    running: await running(),
    routes: await core.routes(),
    tables: await tables.read(),
  })
  /** The node's bundle with another text in the place of its extra file. */
  const bundle = (edit: (config: string) => string) =>
    alterBundle(node, join(dir, `${kind}-bundle`), edit, (one) => ({
      ...one,
      extra: one.extra.map((entry) => ({ ...entry, hash: hashOf(`${Math.random()}`) })),
    }))
  const routesAt = (...wanted: string[]) =>
    until(`OSPF has ${wanted.join(', ')}`, core.routes, (found) => found.join() === wanted.join())

  beforeAll(async () => {
    node = lab.nodes.find(({ daemon }) => daemon === kind)!
    manifest = JSON.parse(await readFile(join(node.bundle, 'manifest.json'), 'utf8')) as Manifest
    tables = new NeighborTables(lab, node)
    undo.push(async () => tables.close())
    everything = await untilComplete(node, tables)
    const name = `axc${process.pid}${kind}`
    await execa('ip', ['netns', 'add', name])
    undo.push(() => execa('ip', ['netns', 'del', name], { reject: false }))
    await inside(node, 'ip', ['link', 'add', 'core0', 'type', 'veth', 'peer', 'name', 'core1', 'netns', name])
    await inside(node, 'ip', ['addr', 'add', '10.99.0.1/30', 'dev', 'core0'])
    await execa('ip', ['-n', name, 'addr', 'add', '10.99.0.2/30', 'dev', 'core1'])
    await inside(node, 'ip', ['link', 'set', 'core0', 'up'])
    for (const link of ['lo', 'core1']) await execa('ip', ['-n', name, 'link', 'set', link, 'up'])
    const config = join(dir, `${kind}-core.conf`)
    await writeFile(config, coreConfig)
    const socketPath = join(dir, `${kind}.ctl`)
    const argv = ['bird', '-f', '-c', config, '-s', socketPath] as const
    const router = new Daemon({ namespace: name, argv: [...argv], socketPath })
    undo.push(() => router.kill())
    await router.start()
    core = {
      async routes() {
        const { stdout } = await execa('birdc', [
          '-s',
          socketPath,
          'show',
          'route',
          'where',
          'source = RTS_OSPF_EXT2',
        ])
        return [...stdout.matchAll(/^(\d\S*\/\d+) /gm)].map(([, prefix]) => prefix!).sort()
      },
    }
  }, patience(120_000))
  afterAll(async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }, patience(60_000))

  test('lab up runs it, and the neighbors have our prefixes only', async () => {
    await routesAt('10.50.0.0/24')
    expect(everything.filter((row) => !/ (?:192\.0\.2\.|2001:db8:51:)/.test(row))).toEqual([])
    expect(everything.length).toBeGreaterThan(0)
    expect((await status()).daemon).toMatchObject({ verified: true, trouble: null })
  })

  test('a withdrawal reaches every neighbor, though the extra configuration has a route to our prefix', async () => {
    await inside(node, 'ip', ['addr', 'del', '192.0.2.1/32', 'dev', 'lo'])
    await until(
      'no neighbor has our routes',
      () => tables.read(),
      (rows) => rows.length === 0,
    )
    await until('verified', status, ({ daemon }) => daemon.verified)
    await inside(node, 'ip', ['addr', 'add', '192.0.2.1/32', 'dev', 'lo'])
    await until(
      'the neighbors have our routes',
      () => tables.read(),
      (rows) => rows.join() === everything.join(),
    )
  })

  test('one that does not parse is refused with its line, and nothing changes', async () => {
    const before = await state()
    const refused = await bundle((config) => config.replace(...broken))
    const { exitCode, outcome, stderr } = await applyOn(node, refused)
    expect(exitCode).toBe(1)
    expect(outcome).toMatchObject({ applied: false, undone: false, reason: 'parser-refused' })
    expect(outcome!.detail).toMatch(kind === 'bird' ? /bird\.conf:\d+:\d+ / : /^frr\.conf: line \d+: /)
    expect(JSON.stringify(outcome) + stderr).not.toContain(secret)
    expect(await state()).toEqual(before)
  })

  test('apply runs a change of it, and no neighbor loses a route meanwhile', async () => {
    const [from, to] = more[kind]
    let ended = false
    const misses: string[] = []
    const looking = (async () => {
      while (!ended) {
        const rows = await tables.read()
        if (rows.join() !== everything.join()) misses.push(rows.join())
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })()
    const changed = await bundle((config) => config.replace(from, to))
    const { exitCode, outcome } = await applyOn(node, changed)
    ended = true
    await looking
    expect(outcome).toMatchObject({ applied: true, undone: false, reason: 'applied' })
    expect(exitCode).toBe(0)
    expect(misses).toEqual([])
    await routesAt('10.50.0.0/24', '10.50.1.0/24')
    expect(await applyOn(node, node.bundle)).toMatchObject({ outcome: { reason: 'nothing-to-do' } })
  })

  test('an apply that fails for another reason restores it', async () => {
    const { address, asn } = manifest.neighbors[0]!
    const before = await state()
    const spoiled = await bundle((config) =>
      config
        .replace(more[kind][1], more[kind][0])
        .replace(`neighbor ${address} as ${asn};`, `neighbor ${address} as 64999;`)
        .replace(`neighbor ${address} remote-as ${asn}`, `neighbor ${address} remote-as 64999`),
    )
    const { outcome } = await applyOn(node, spoiled, { timeout: '5s' })
    expect(outcome).toMatchObject({ applied: false, undone: true, reason: 'worse-than-before' })
    await until(
      'all is as before',
      state,
      (now) => JSON.stringify(now.tables) === JSON.stringify(before.tables),
    )
    await routesAt(...before.routes)
    expect(await state()).toEqual(before)
  })

  if (kind === 'frr') {
    test('“write memory” is no edit, and a daemon that does not run is named with its cure', async () => {
      await inside(node, 'vtysh', [
        ...['--vty_socket', dirname(node.controlSocket), '--config_dir', dirname(manifest.paths.configFile!)],
        ...['-c', 'write memory'],
      ])
      const { outcome } = await applyOn(node, node.bundle)
      expect(outcome).toMatchObject({ applied: true, effect: 'none' })
      const before = await state()
      const rip = await applyOn(
        node,
        await bundle((config) => config.replace('router ospf\n', 'router rip\nexit\n!\nrouter ospf\n')),
      )
      expect(rip.outcome).toMatchObject({ applied: false, undone: false })
      expect(rip.outcome!.detail).toBe(
        'frr.conf: ripd does not run: set ripd=yes in /etc/frr/daemons, and restart FRR',
      )
      expect(await state()).toEqual(before)
    })
  }

  test('apply removes it where the bundle has none', async () => {
    const without = await bundle((config) =>
      config.replace(/^. Extra configuration from [\s\S]*^. End of .*$/m, ''),
    )
    const { exitCode, outcome } = await applyOn(node, without)
    expect(outcome).toMatchObject({ applied: true, undone: false })
    expect(exitCode).toBe(0)
    await routesAt()
    expect(await running()).not.toMatch(/ospf/i)
    expect(await tables.read()).toEqual(everything)
  })
})
