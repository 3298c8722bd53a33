import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/clock/clock.ts'
import { hashOf } from '../../../src/files/hash.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { normally } from '../../../src/net/announcements.ts'
import { createBird } from '../../../src/node/routing/bird/bird.ts'
import type { RoutingDaemon } from '../../../src/node/routing/daemon.ts'
import { createFrr } from '../../../src/node/routing/frr/frr.ts'
import { createSavedNetworks } from '../../../src/node/routing/frr/saved-networks.ts'
import { withdrawServices } from '../../../src/node/withdraw/ladder.ts'
import { RemovedAddresses } from '../../../src/node/withdraw/removed-addresses.ts'
import { buildManifest } from '../../../src/plan/compile/build-manifest.ts'
import { compilePlan } from '../../../src/plan/compile/compile-plan.ts'
import { createRenderer } from '../../../src/plan/render/render.ts'
import { loadTemplates } from '../../../src/plan/service/templates.ts'
import { patience } from '../../patience.ts'
import { fleetOf } from '../../unit/lab/fleets.ts'
import { Daemon } from '../fixtures/routing/daemon-process.ts'
import { daemonsIn } from '../fixtures/routing/daemons-in.ts'
import { untilEqual } from '../fixtures/routing/until.ts'

const covering = '192.0.2.0/24'
/** Only announced; the network of a link of the node; a network that the node routes. */
const always = { unused: '44.7.0.0/24', lan: '44.8.0.0/24', routed: '44.9.0.0/24' } as const
const all = Object.values(always)

const siteYaml = (daemon: string) => `site: lab1
nodes:
  - name: lab1-a
    daemon: ${daemon}
    routerId: 10.9.1.2
    services: [vpn]
    alwaysAnnounce: [${all.join(', ')}]
    neighbors:
      - { name: transit, kind: transit, asn: 64601, import: default-only, address: 10.9.1.1, localAddress: 10.9.1.2 }
`

const neighborConfig = (dir: string) => `router id 10.9.1.1;
log "${dir}/neighbor.log" all;
protocol device {}
protocol static { ipv4; route 0.0.0.0/0 blackhole; }
protocol bgp node { local 10.9.1.1 as 64601; neighbor 10.9.1.2 as 64500; connect delay time 1;
  ipv4 { import all; export where net = 0.0.0.0/0; next hop self; }; }
`

describe.each(['bird', 'frr'] as const)('prefixes that %s announces by itself', (kind) => {
  const undo: (() => Promise<unknown>)[] = []
  const names = { node: `aan${process.pid}${kind}`, neighbor: `aat${process.pid}${kind}` }
  const ip = (...args: string[]) => execa('ip', ['-n', names.node, ...args], { reject: false })
  let manifest: Manifest
  let daemon: RoutingDaemon
  let neighborSocket: string

  const received = async () => {
    const { stdout } = await execa('birdc', ['-s', neighborSocket, 'show', 'route', 'protocol', 'node'])
    return [...stdout.matchAll(/^(\S+\/\d+) /gm)].map((match) => match[1]!).sort()
  }
  const wayTo = async (address: string) => {
    const { stdout, stderr } = await ip('route', 'get', address)
    return / dev (\S+)/.exec(stdout)?.[1] ?? stderr.trim()
  }

  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'aa-'))
    undo.push(() => rm(dir, { recursive: true, force: true }))
    await chmod(dir, 0o755)
    for (const name of Object.values(names)) {
      await execa('ip', ['netns', 'add', name])
      undo.push(() => execa('ip', ['netns', 'del', name], { reject: false }))
      await execa('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
    }
    for (const link of ['up0', 'lan0']) {
      await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', link, 'netns', names.neighbor)
      await ip('link', 'set', link, 'up')
      await execa('ip', ['-n', names.neighbor, 'link', 'set', link, 'up'])
    }
    await ip('addr', 'add', '10.9.1.2/24', 'dev', 'up0')
    await execa('ip', ['-n', names.neighbor, 'addr', 'add', '10.9.1.1/24', 'dev', 'up0'])
    // As NetworkManager adds it: a worse metric than that of BIRD's routes.
    await ip('addr', 'add', '44.8.0.1/24', 'dev', 'lan0', 'metric', '100')
    await ip('route', 'add', always.routed, 'via', '44.8.0.2', 'metric', '1024')

    const daemons = await daemonsIn(kind, names.node, dir, undo)
    const plan = compilePlan(fleetOf(siteYaml(kind)), () => ({
      paths: {
        daemonSocket: daemons.socketPath,
        announceFile: kind === 'bird' ? join(dir, 'announce.conf') : null,
        configFile: join(dir, 'config', 'frr.conf'),
        bundleDir: dir,
        runtimeDir: dir,
        stateDir: dir,
      },
      listen: [],
      logFile: `${daemons.socketPath}.log`,
    }))
    const [node] = plan.nodes
    manifest = buildManifest(node!, [], hashOf)
    const files = createRenderer(await loadTemplates())(node!)
    neighborSocket = join(dir, 'neighbor.ctl')
    const neighborFile = join(dir, 'neighbor.conf')
    await writeFile(neighborFile, neighborConfig(dir))
    const neighbor = new Daemon({
      namespace: names.neighbor,
      argv: ['bird', '-f', '-c', neighborFile, '-s', neighborSocket],
      socketPath: neighborSocket,
    })
    undo.push(() => neighbor.kill())
    await neighbor.start()
    const router = await daemons.prepare(files.find(({ path }) => path === `${kind}.conf`)!.content)
    undo.push(() => router.kill())
    await router.start()
    daemon = kind === 'bird' ? createBird({ manifest }) : createFrr({ manifest })
    undo.push(async () => daemon.close())
  }, patience(60_000))
  afterAll(async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }, patience(60_000))

  test('are at the neighbor without a controller', async () => {
    await untilEqual('the routes', [...all], received)
  })

  test('stay while a service comes and goes, and are none of its routes', async () => {
    await daemon.apply(normally([covering]))
    await untilEqual('the routes with the service', [covering, ...all].sort(), received)
    const { originated, neighbors } = await daemon.observe()
    expect([...originated.keys()]).toEqual([covering])
    expect(neighbors.map(({ announced }) => [...announced.keys()])).toEqual([[covering]])
    const runIp = (argv: readonly string[]) => Promise.reject(new Error(`unexpected: ip ${argv.join(' ')}`))
    const withdrawal = await withdrawServices({
      manifest,
      daemon,
      addresses: new RemovedAddresses({ manifest, runIp }),
      services: new Set(['vpn']),
      clock: systemClock,
    })
    expect(withdrawal).toMatchObject({ withdrawn: true, left: [] })
    await untilEqual('the routes without the service', [...all], received)
  })

  test('drop traffic to unused addresses, and leave networks of the node alone', async () => {
    // BIRD and zebra have done their first round: this default route is learned.
    await untilEqual('the default route', 'up0', () => wayTo('9.9.9.9'))
    await untilEqual('an unused address', 'RTNETLINK answers: Invalid argument', () => wayTo('44.7.0.9'))
    expect(await wayTo('44.8.0.9')).toBe('lan0')
    expect(await wayTo('44.9.0.9')).toBe('lan0')
  })

  if (kind !== 'frr') return
  test('are no announcements of the controller that FRR has saved', async () => {
    const dir = dirname(manifest.paths.configFile!)
    await execa('chown', ['-R', 'frr:frr', dir])
    const vty = dirname(manifest.paths.daemonSocket)
    await execa('vtysh', ['--vty_socket', vty, '--config_dir', dir, '-c', 'write memory'])
    const look = await createSavedNetworks(manifest).look()
    expect(look).toEqual({ found: [], problem: null })
  })
})
