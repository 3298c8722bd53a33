import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compilePlan } from '../../../src/plan/compile/compile-plan.ts'
import { createRenderer } from '../../../src/plan/render/render.ts'
import { loadTemplates } from '../../../src/plan/service/templates.ts'
import { versionLine } from '../../installed-version.ts'
import { patience } from '../../patience.ts'
import { fleetOf } from '../../unit/lab/fleets.ts'
import { Daemon } from '../fixtures/routing/daemon-process.ts'
import { daemonsIn } from '../fixtures/routing/daemons-in.ts'
import { until, untilEqual } from '../fixtures/routing/until.ts'

/** A node behind a gateway, which is its default route; the provider's router and another node are behind it. */
const addresses = {
  ipv4: {
    node: '203.0.113.10',
    gateway: '203.0.113.1',
    provider: '169.254.169.254',
    quiet: '169.254.169.253',
    second: '203.0.113.11',
    other: '10.255.0.2',
    length: 24,
  },
  ipv6: {
    node: '2a01::10',
    gateway: '2a01::1',
    provider: '2a02::fe',
    quiet: '2a02::fd',
    second: '2a01::11',
    other: '2a03::2',
    length: 64,
  },
} as const
const loopbacks = { ipv4: '10.255.0.1', ipv6: '2a03::1' } as const
const everything = { ipv4: '0.0.0.0/0', ipv6: '::/0' } as const
const some = { ipv4: '8.8.8.0/24', ipv6: '2620:fe::/48' } as const
const ours = { ipv4: '192.0.2.0/24', ipv6: '2001:db8:51::/48' } as const
const families = ['ipv4', 'ipv6'] as const
type Family = (typeof families)[number]

const siteYaml = (daemon: 'bird' | 'frr') => `site: lab1
nodes:
  - name: lab1-a
    daemon: ${daemon}
    ${versionLine(daemon)}
    routerId: 203.0.113.10
    services: [vpn]
    neighbors:
${families
  .flatMap((family) => {
    const { node, second, provider, quiet, other } = addresses[family]
    const v = family.slice(3)
    return [
      // Nothing is accepted from it.
      `      - { name: quiet-v${v}, kind: provider-private, asn: 64516, multihop: 2, address: "${quiet}", localAddress: "${second}" }`,
      `      - { name: provider-v${v}, kind: transit, asn: 64515, multihop: 2, import: full, address: "${provider}", localAddress: "${node}" }`,
      `      - { name: other-v${v}, kind: ibgp, asn: 64500, address: "${other}", localAddress: "${loopbacks[family]}" }`,
    ]
  })
  .join('\n')}
`

/** One BIRD for the provider's router and for the other node, which differ in their addresses. */
const oppositeConfig = (dir: string) => `router id 169.254.169.254;
log "${dir}/opposite.log" all;
protocol device {}
${families
  .map((family) => {
    const { node, second, provider, quiet, other } = addresses[family]
    const v = family.slice(3)
    const options = 'passive; multihop 2; connect delay time 1;'
    return `protocol static { ${family}; route ${everything[family]} blackhole; route ${some[family]} blackhole; route ${ours[family]} blackhole; }
protocol bgp provider${v} { local ${provider} as 64515; neighbor ${node} as 64500; ${options}
  ${family} { import all; export where net != ${ours[family]}; next hop self; }; }
protocol bgp quiet${v} { local ${quiet} as 64516; neighbor ${second} as 64500; ${options}
  ${family} { import all; export none; }; }
protocol bgp other${v} { local ${other} as 64500; neighbor ${loopbacks[family]} as 64500; ${options}
  ${family} { import all; export where net = ${ours[family]}; next hop self; }; }`
  })
  .join('\n')}
`

describe.each(['bird', 'frr'] as const)('next hops behind the default route, on %s', (kind) => {
  const undo: (() => Promise<unknown>)[] = []
  const names = {
    node: `nhn${process.pid}${kind}`,
    gateway: `nhg${process.pid}${kind}`,
    far: `nhf${process.pid}${kind}`,
  }
  const ip = (name: string, ...args: string[]) => execa('ip', ['-n', name, ...args])
  const routes = async (family: Family, ...which: string[]) => {
    const { stdout } = await ip(names.node, '-j', `-${family.slice(3)}`, 'route', 'show', ...which)
    return JSON.parse(stdout || '[]') as { dst: string; type?: string; gateway?: string; protocol: string }[]
  }

  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'nh-'))
    undo.push(() => rm(dir, { recursive: true, force: true }))
    await chmod(dir, 0o755)
    for (const name of Object.values(names)) {
      await execa('ip', ['netns', 'add', name])
      undo.push(() => execa('ip', ['netns', 'del', name], { reject: false }))
      await ip(name, 'link', 'set', 'lo', 'up')
    }
    await execa('ip', [
      ...['netns', 'exec', names.gateway, 'sysctl', '-qw'],
      ...['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'],
    ])
    await ip(names.node, 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'dn0', 'netns', names.gateway)
    await ip(names.far, 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'dn1', 'netns', names.gateway)
    const links = [
      [names.node, 'up0'],
      [names.gateway, 'dn0'],
      [names.far, 'up0'],
      [names.gateway, 'dn1'],
    ] as const
    for (const [name, link] of links) await ip(name, 'link', 'set', link, 'up')
    for (const family of families) {
      const { node, second, gateway, provider, quiet, other, length } = addresses[family]
      const bits = family === 'ipv4' ? 32 : 128
      const nodad = family === 'ipv4' ? [] : ['nodad']
      const [near, far] = family === 'ipv4' ? ['10.0.9.1', '10.0.9.2'] : ['2a09::1', '2a09::2']
      const add = (name: string, address: string, dev: string) =>
        ip(name, 'addr', 'add', address, 'dev', dev, ...nodad)
      // BIRD keeps only one session to an address, so the quiet neighbor has another address of the node.
      for (const address of [node, second]) await add(names.node, `${address}/${length}`, 'up0')
      await add(names.node, `${loopbacks[family]}/${bits}`, 'lo')
      await add(names.gateway, `${gateway}/${length}`, 'dn0')
      await add(names.gateway, `${near}/${bits - 2}`, 'dn1')
      await add(names.far, `${far}/${bits - 2}`, 'up0')
      for (const address of [provider, quiet, other]) {
        await add(names.far, `${address}/${bits}`, 'lo')
        await ip(names.gateway, 'route', 'add', `${address}/${bits}`, 'via', far)
      }
      await ip(names.gateway, 'route', 'add', `${loopbacks[family]}/${bits}`, 'via', node)
      await ip(names.far, 'route', 'add', 'default', 'via', near)
      // As a cloud's images have it, from DHCP or a router advertisement.
      await ip(names.node, 'route', 'add', 'default', 'via', gateway, 'metric', '100', 'proto', 'dhcp')
    }

    const daemons = await daemonsIn(kind, names.node, dir, undo)
    const announceFile = kind === 'bird' ? join(dir, 'announce.conf') : null
    const plan = compilePlan(fleetOf(siteYaml(kind)), () => ({
      paths: {
        daemonSocket: daemons.socketPath,
        announceFile,
        configFile: join(dir, 'unused.conf'),
        bundleDir: dir,
        runtimeDir: dir,
        stateDir: dir,
      },
      listen: [],
      logFile: `${daemons.socketPath}.log`,
    }))
    const files = createRenderer(await loadTemplates())(plan.nodes[0]!)
    const config = files.find(({ path }) => path === `${kind}.conf`)!.content
    const oppositeFile = join(dir, 'opposite.conf')
    await writeFile(oppositeFile, oppositeConfig(dir))
    const oppositeSocket = join(dir, 'opposite.ctl')
    const opposite = new Daemon({
      namespace: names.far,
      argv: ['bird', '-f', '-c', oppositeFile, '-s', oppositeSocket],
      socketPath: oppositeSocket,
    })
    undo.push(() => opposite.kill())
    await opposite.start()
    const daemon = await daemons.prepare(config)
    undo.push(() => daemon.kill())
    await daemon.start()
    await until('all sessions are up', async () => {
      const { stdout } = await execa('birdc', ['-s', oppositeSocket, 'show', 'protocols'])
      const down = stdout.split('\n').filter((line) => / BGP /.test(line) && !line.includes('Established'))
      return down.length === 0 ? null : down.join('\n')
    })
  }, patience(120_000))
  afterAll(async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }, patience(60_000))

  test.each(families)(
    '%s: a multihop neighbor and iBGP over loopbacks: the routes go to the gateway',
    async (family) => {
      const gateways = async (prefix: string) =>
        (await routes(family, prefix)).map(({ gateway, type }) => gateway ?? type)
      for (const prefix of [some[family], ours[family]]) {
        await untilEqual(prefix, [addresses[family].gateway], () => gateways(prefix))
      }
    },
  )

  test.each(families)(
    "%s: the node's own default route keeps working, and no route is unreachable",
    async (family) => {
      const defaults = await routes(family, 'default')
      expect(defaults.map(({ gateway }) => gateway)).toEqual(defaults.map(() => addresses[family].gateway))
      expect(defaults.map(({ protocol }) => protocol)).toContain('dhcp')
      const all = await routes(family, 'table', 'main')
      expect(all.filter(({ type }) => type === 'unreachable')).toEqual([])
    },
  )
})
