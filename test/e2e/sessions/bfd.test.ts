import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { compareVersions } from '../../../src/manifest/daemon-versions.ts'
import { createBfd, createDaemon } from '../../../src/node/service/create-daemon.ts'
import { buildManifest } from '../../../src/plan/compile/build-manifest.ts'
import { compilePlan } from '../../../src/plan/compile/compile-plan.ts'
import { createRenderer } from '../../../src/plan/render/render.ts'
import { loadTemplates } from '../../../src/plan/service/templates.ts'
import { installedVersion } from '../../installed-version.ts'
import { patience } from '../../patience.ts'
import { fleetOf } from '../../unit/lab/fleets.ts'
import type { Daemon } from '../fixtures/routing/daemon-process.ts'
import { daemonsIn } from '../fixtures/routing/daemons-in.ts'
import { until, untilEqual } from '../fixtures/routing/until.ts'

type Kind = 'bird' | 'frr'
type Far = 'edge' | 'inside'

interface Session {
  readonly name: string
  readonly far: Far
  readonly ours: string
  readonly theirs: string
  readonly hops: number | null
  readonly bfd: string
}

/** Each way to a neighbor, in both families. At the far end `quiet` has no BFD. */
const sessions: readonly Session[] = [
  { name: 'direct-v4', far: 'edge', ours: '10.1.0.1', theirs: '10.1.0.2', hops: null, bfd: '{}' },
  { name: 'direct-v6', far: 'edge', ours: '2a01::1', theirs: '2a01::2', hops: null, bfd: '{}' },
  { name: 'hops-v4', far: 'edge', ours: '10.3.0.1', theirs: '10.3.1.2', hops: 3, bfd: '{}' },
  { name: 'hops-v6', far: 'edge', ours: '2a03:0::1', theirs: '2a03:1::2', hops: 2, bfd: '{}' },
  { name: 'quiet', far: 'edge', ours: '10.1.0.21', theirs: '10.1.0.22', hops: null, bfd: '{}' },
  {
    name: 'link-v4',
    far: 'inside',
    ours: '10.2.0.1',
    theirs: '10.2.0.2',
    hops: null,
    bfd: '{ hops: single }',
  },
  { name: 'link-v6', far: 'inside', ours: '2a02::1', theirs: '2a02::2', hops: null, bfd: '{ hops: single }' },
  {
    name: 'lo-v4',
    far: 'inside',
    ours: '10.255.0.1',
    theirs: '10.255.0.2',
    hops: null,
    bfd: '{ hops: multi }',
  },
  { name: 'lo-v6', far: 'inside', ours: '2a0f::1', theirs: '2a0f::2', hops: null, bfd: '{ hops: multi }' },
]

/** From 10.2 on FRR keeps a BGP session down while its BFD is. */
const waitsForBfd = compareVersions(installedVersion('frr')!, '10.2') >= 0

const asns: Readonly<Record<Far, number>> = { edge: 64600, inside: 64500 }

const siteYaml = (daemon: Kind) => `site: lab1
nodes:
  - name: lab1-a
    daemon: ${daemon}
    routerId: 10.255.0.1
    services: [vpn]
    neighbors:
${sessions
  .map(({ name, far, ours, theirs, hops, bfd }) => {
    const kind = far === 'edge' ? 'transit' : 'ibgp'
    const multihop = hops === null ? '' : `multihop: ${hops}, `
    return `      - { name: ${name}, kind: ${kind}, asn: ${asns[far]}, address: "${theirs}", localAddress: "${ours}", ${multihop}bfd: ${bfd} }`
  })
  .join('\n')}
`

const familyOf = ({ ours }: Session) => (ours.includes(':') ? 'ipv6' : 'ipv4')

/** The far ends as their documents have it, and as `plan --for-neighbor` asks. */
const farConfigs: Readonly<Record<Kind, (far: Far) => string>> = {
  bird: (far) => `router id 10.255.0.2;
protocol device {}
protocol bfd {}
${sessions
  .filter((session) => session.far === far)
  .map((session) => {
    const { name, ours, theirs, hops, bfd } = session
    const reach = hops !== null ? `multihop ${hops};` : bfd.includes('single') ? 'direct;' : ''
    return `protocol bgp ${name.replace('-', '_')} {
  local ${theirs} as ${asns[far]}; neighbor ${ours} as 64500; ${reach} ${name === 'quiet' ? '' : 'bfd on;'}
  connect delay time 1; error wait time 1, 1;
  ${familyOf(session)} { import all; export none; };
}`
  })
  .join('\n')}
`,
  frr: (far) => {
    const own = sessions.filter((session) => session.far === far)
    return `frr defaults traditional
ip nht resolve-via-default
ipv6 nht resolve-via-default
router bgp ${asns[far]}
 bgp router-id 10.255.0.2
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
${own
  .map(({ name, ours, theirs, hops, bfd }) =>
    [
      ` neighbor ${ours} remote-as 64500`,
      // From FRR 10.2 on, as `plan --for-neighbor` asks: without update-source where BFD is single hop inside the AS.
      ...(waitsForBfd && bfd.includes('single') ? [] : [` neighbor ${ours} update-source ${theirs}`]),
      ` neighbor ${ours} timers connect 1`,
      ...(hops === null ? [] : [` neighbor ${ours} ebgp-multihop ${hops}`]),
      ...(name === 'quiet' ? [] : [` neighbor ${ours} bfd`]),
    ].join('\n'),
  )
  .join('\n')}
${['ipv4', 'ipv6']
  .map((family) =>
    [
      ` address-family ${family} unicast`,
      ...own.filter((one) => familyOf(one) === family).map(({ ours }) => `  neighbor ${ours} activate`),
      ' exit-address-family',
    ].join('\n'),
  )
  .join('\n')}
exit
bfd
${own
  .filter(({ hops, bfd }) => hops !== null || bfd.includes('multi'))
  .map(({ ours, theirs }) => ` peer ${ours} multihop local-address ${theirs}\n  minimum-ttl 1\n exit`)
  .join('\n')}
exit
`
  },
}

describe.each([
  ['bird', 'bird'],
  ['bird', 'frr'],
  ['frr', 'bird'],
  ['frr', 'frr'],
] as const)('BFD between our %s and their %s', (kind, theirKind) => {
  const undo: (() => Promise<unknown>)[] = []
  const names = Object.fromEntries(
    ['node', 'edge', 'inside', 'gateway'].map((name) => [
      name,
      `bf${name[0]}${process.pid}${kind[0]}${theirKind[0]}`,
    ]),
  ) as Record<Far | 'node' | 'gateway', string>
  const ip = (name: keyof typeof names, ...args: string[]) => execa('ip', ['-n', names[name], ...args])
  const add = (name: keyof typeof names, link: string, ...addresses: string[]) =>
    addresses.map((address) =>
      ip(name, 'addr', 'add', address, 'dev', link, ...(address.includes(':') ? ['nodad'] : [])),
    )
  /** Starts a daemon while addresses appear: FRR 10.3 configures BFD again at each, also before it starts the sessions. */
  const start = async (name: Far | 'node', daemon: Daemon) => {
    undo.push(() => daemon.kill())
    let isStarted = false
    const starting = daemon.start().finally(() => {
      isStarted = true
    })
    for (let host = 1; !isStarted && host < 255; host += 1)
      await ip(name, 'addr', 'add', `192.0.2.${host}/32`, 'dev', 'lo')
    await starting
  }
  let read: () => Promise<string[]>
  let endQuiet: () => Promise<unknown>
  let restart: () => Promise<unknown>

  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'bfd-'))
    undo.push(() => rm(dir, { recursive: true, force: true }))
    await chmod(dir, 0o755)
    for (const name of Object.values(names)) {
      await execa('ip', ['netns', 'add', name])
      undo.push(() => execa('ip', ['netns', 'del', name], { reject: false }))
      await execa('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
    }
    await execa('ip', [
      ...['netns', 'exec', names.gateway, 'sysctl', '-qw'],
      ...['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'],
    ])
    const links = [
      ['node', 'edge0', 'edge', 'node0'],
      ['node', 'inside0', 'inside', 'node0'],
      ['node', 'up0', 'gateway', 'node0'],
      ['edge', 'up0', 'gateway', 'edge0'],
      ['inside', 'up0', 'gateway', 'inside0'],
    ] as const
    for (const [near, link, far, peer] of links) {
      await ip(near, 'link', 'add', link, 'type', 'veth', 'peer', 'name', peer, 'netns', names[far])
      await ip(near, 'link', 'set', link, 'up')
      await ip(far, 'link', 'set', peer, 'up')
    }
    await Promise.all([
      ...add('node', 'edge0', '10.1.0.1/24', '10.1.0.21/24', '2a01::1/64'),
      ...add('edge', 'node0', '10.1.0.2/24', '10.1.0.22/24', '2a01::2/64'),
      ...add('node', 'inside0', '10.2.0.1/24', '2a02::1/64'),
      ...add('inside', 'node0', '10.2.0.2/24', '2a02::2/64'),
      ...add('node', 'up0', '10.3.0.1/24', '2a03::1/64'),
      ...add('gateway', 'node0', '10.3.0.254/24', '2a03::fe/64'),
      ...add('edge', 'up0', '10.3.1.2/24', '2a03:1::2/64'),
      ...add('gateway', 'edge0', '10.3.1.254/24', '2a03:1::fe/64'),
      ...add('inside', 'up0', '10.3.2.2/24', '2a03:2::2/64'),
      ...add('gateway', 'inside0', '10.3.2.254/24', '2a03:2::fe/64'),
      ...add('node', 'lo', '10.255.0.1/32', '2a0f::1/128'),
      ...add('inside', 'lo', '10.255.0.2/32', '2a0f::2/128'),
    ])
    const routes = [
      ['node', 'default', '10.3.0.254', '2a03::fe'],
      ['edge', 'default', '10.3.1.254', '2a03:1::fe'],
      ['inside', 'default', '10.3.2.254', '2a03:2::fe'],
    ] as const
    for (const [name, to, ...gateways] of routes) {
      for (const gateway of gateways) await ip(name, 'route', 'add', to, 'via', gateway)
    }
    await ip('gateway', 'route', 'add', '10.255.0.1/32', 'via', '10.3.0.1')
    await ip('gateway', 'route', 'add', '10.255.0.2/32', 'via', '10.3.2.2')
    await ip('gateway', 'route', 'add', '2a0f::1/128', 'via', '2a03::1')
    await ip('gateway', 'route', 'add', '2a0f::2/128', 'via', '2a03:2::2')

    for (const far of ['edge', 'inside'] as const) {
      const own = join(dir, far)
      await execa('install', ['-d', '-m', '755', own])
      const daemon = await (await daemonsIn(theirKind, names[far], own, undo)).prepare(
        farConfigs[theirKind](far),
      )
      await start(far, daemon)
    }
    const own = join(dir, 'node')
    await execa('install', ['-d', '-m', '755', own])
    const daemons = await daemonsIn(kind, names.node, own, undo)
    const plan = compilePlan(fleetOf(siteYaml(kind)), () => ({
      paths: {
        daemonSocket: daemons.socketPath,
        announceFile: kind === 'bird' ? join(own, 'announce.conf') : null,
        configFile: join(own, 'unused.conf'),
        bundleDir: own,
        runtimeDir: own,
        stateDir: own,
      },
      listen: [],
      logFile: `${daemons.socketPath}.log`,
    })).nodes[0]!
    const files = createRenderer(await loadTemplates())(plan)
    const config = files.find(({ path }) => path === `${kind}.conf`)!.content
    const daemon = await daemons.prepare(config)
    await start('node', daemon)
    const manifest = buildManifest(plan, files, () => '0'.repeat(64))
    const vtysh = async (name: string, ...args: string[]) => {
      const folders = ['--vty_socket', join(own, 'vty'), '--config_dir', join(own, 'config')]
      return (await execa('vtysh', [...folders, '-d', name, ...args])).stdout
    }
    endQuiet = () =>
      kind === 'bird'
        ? execa('birdc', ['-s', daemons.socketPath, 'restart', 'aw_quiet'])
        : vtysh('bgpd', '-c', 'clear bgp 10.1.0.22')
    restart = async () => {
      await daemon.kill()
      if (kind === 'bird') return daemon.start()
      // As at a boot: bgpd has the node's addresses before its configuration, and none appears later.
      const empty = await daemons.prepare('')
      undo.push(() => empty.kill())
      await empty.start()
      await until('bgpd is a client of zebra', async () => {
        const clients = await vtysh('zebra', '-c', 'show zebra client summary')
        return /^bgp\b/m.test(clients) ? null : clients
      })
      await daemons.prepare(config)
      await vtysh('bgpd', '-b')
    }
    const deadlineMs = patience(5000)
    const bfd = (await createBfd(manifest, { deadlineMs }))!
    const routing = await createDaemon(manifest, { deadlineMs })
    undo.push(async () => bfd.close())
    undo.push(async () => routing.close())
    read = async () => {
      const [states, { neighbors }] = await Promise.all([bfd.look(), routing.observe()])
      return neighbors.map(({ neighbor, session }) => `${neighbor}: ${session}, BFD ${states.get(neighbor)}`)
    }
  }, patience(120_000))
  afterAll(async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }, patience(60_000))

  const othersAreUp = () =>
    untilEqual(
      'all other sessions and their BFD',
      sessions.flatMap(({ name }) => (name === 'quiet' ? [] : [`${name}: up, BFD up`])),
      async () => (await read()).filter((line) => !line.startsWith('quiet')),
    )

  test(
    'failure 25: comes up on every kind of session, and its absence at the far end is seen',
    async () => {
      await othersAreUp()
      await endQuiet()
      const waits = kind === 'frr' && waitsForBfd
      await untilEqual(
        'the session with BFD on our side',
        [`quiet: ${waits ? 'down' : 'up'}, BFD down`],
        async () => (await read()).filter((line) => line.startsWith('quiet')),
      )
    },
    patience(150_000),
  )

  test(
    'comes up again after a restart of our daemon, while theirs waits for it',
    async () => {
      await restart()
      await othersAreUp()
    },
    patience(150_000),
  )
})
