import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { type Manifest, requireManifest } from '../../../src/manifest/manifest.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import { Vty } from '../../../src/node/routing/frr/vty.ts'
import { compilePlan } from '../../../src/plan/compile/compile-plan.ts'
import { createRenderer } from '../../../src/plan/render/render.ts'
import { renderBundle } from '../../../src/plan/service/render-bundle.ts'
import { loadTemplates } from '../../../src/plan/service/templates.ts'
import { parseFleet } from '../../../src/plan/sites/parse.ts'
import { versionLine } from '../../installed-version.ts'
import { patience } from '../../patience.ts'
import { Daemon } from '../fixture-routing/daemon-process.ts'
import { until } from '../fixture-routing/until.ts'
import { RtrAgent } from './rtr-agent.ts'

export const livePort = 3323
export const lastGoodPort = 3324

/** The routes that the neighbor advertises: prefix and origin AS. */
export const neighborRoutes = {
  valid: ['193.1.0.0/24', 21001],
  invalid: ['193.2.0.0/24', 21002],
  tooLong: ['193.4.0.0/24', 21004],
  notFound: ['193.3.0.0/24', 21003],
  valid6: ['2a00:1000::/32', 21001],
  invalid6: ['2a00:2000::/32', 21002],
  notFound6: ['2a00:3000::/32', 21003],
} as const

export interface Bed {
  readonly daemon: 'bird' | 'frr'
  readonly manifest: Manifest
  readonly rtr: RtrAgent
  /** Starts the routing daemon, as at a boot. */
  readonly boot: () => Promise<void>
  /** The prefixes accepted from the neighbor in both families, sorted. */
  readonly taken: () => Promise<string[]>
  /** The start of each established session, in milliseconds since 1970, to detect a restart. */
  readonly sessions: () => Promise<ReadonlyMap<string, number>>
  /** To BIRD's control socket. */
  readonly ask: (command: string) => Promise<string>
  readonly stop: () => Promise<void>
}

const fleetFile = (atExpiry: 'accept' | 'last-good') => `
asn: 64500
bogons: { allow: [192.0.2.0/24] }
rpki:
  caches: [{ host: 127.0.0.1, port: ${livePort} }]
  lastGood: { host: 127.0.0.1, port: ${lastGoodPort} }
  retry: 1s
  atExpiry: ${atExpiry}
services:
  vpn:
    anycast: [192.0.2.1/32]
    covering: [192.0.2.0/24]
    wireguard: { interface: wg0, port: 51820, publicKey: "F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao=", addresses: [10.80.0.1/16] }
    probe: { privateKeyFile: /etc/anyward/probe.key, address: 10.80.255.254 }
`

const siteFile = (daemon: 'bird' | 'frr') => `
site: fra1
nodes:
  - name: fra1-a
    daemon: ${daemon}
    ${versionLine(daemon)}
    routerId: 10.0.0.11
    services: [vpn]
    neighbors:
      - { name: transit, kind: transit, asn: 1103, address: 10.9.1.1, localAddress: 10.9.1.2, gtsm: false }
      - { name: transit6, kind: transit, asn: 1103, address: "fd09:1::1", localAddress: "fd09:1::2", gtsm: false }
`

const neighborFile = (dir: string) => `
router id 10.0.0.99;
log "${dir}/log" all;
timeformat protocol iso long ms;
protocol device {}
${(['ipv4', 'ipv6'] as const)
  .map(
    (family) => `protocol static {
  ${family};
${Object.values(neighborRoutes)
  .filter(([prefix]) => prefix.includes(':') === (family === 'ipv6'))
  .map(([prefix, asn]) => `  route ${prefix} blackhole { bgp_path.prepend(${asn}); };`)
  .join('\n')}
}
protocol bgp node${family.slice(3)} {
  local ${family === 'ipv4' ? '10.9.1.1' : 'fd09:1::1'} as 1103;
  neighbor ${family === 'ipv4' ? '10.9.1.2' : 'fd09:1::2'} as 64500;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ${family} { import all; export all; };
}`,
  )
  .join('\n')}
`

/** A node with its planned configuration, RTR servers on its loopback, and a neighbor that advertises routes to it. */
export async function makeBed(daemon: 'bird' | 'frr', atExpiry: 'accept' | 'last-good'): Promise<Bed> {
  const undo: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    return { ...(await build(daemon, atExpiry, undo)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function build(
  daemon: 'bird' | 'frr',
  atExpiry: 'accept' | 'last-good',
  undo: (() => Promise<unknown>)[],
): Promise<Omit<Bed, 'stop'>> {
  const dir = await mkdtemp(join(tmpdir(), 'r4-'))
  undo.push(() => rm(dir, { recursive: true, force: true }))
  await chmod(dir, 0o755)
  const [namespace, opposite] = [`r4n${process.pid}`, `r4p${process.pid}`]
  await connectNamespaces(namespace, opposite, undo)

  const peerDir = join(dir, 'p')
  await mkdir(peerDir)
  await writeFile(join(peerDir, 'bird.conf'), neighborFile(peerDir))
  const peer = birdIn(opposite, peerDir)
  undo.push(() => peer.kill())
  await peer.start()
  const peerClient = new BirdClient({ socketPath: join(peerDir, 'bird.ctl'), deadlineMs: patience(5000) })
  undo.push(async () => peerClient.close())

  const rtr = new RtrAgent(namespace)
  undo.push(async () => rtr.end())

  const nodeDir = join(dir, 'n')
  await mkdir(nodeDir)
  const files = await planNode(daemon, atExpiry, nodeDir)
  for (const [name, content] of files) await writeFile(join(nodeDir, name), content)
  const manifest = requireManifest(JSON.parse(files.get('manifest.json')!))
  const node = await (daemon === 'bird' ? prepareBird : prepareFrr)(namespace, nodeDir, undo)

  const sessions = async () => {
    const { lines } = await peerClient.send('show protocols')
    const found = lines.map(({ text }) => /^(node[46]) .*?(\d+-\d+-\d+) ([\d:.]+) +Established/.exec(text))
    return new Map(
      found.flatMap((row) => (row === null ? [] : [[row[1]!, Date.parse(`${row[2]}T${row[3]}Z`)]])),
    )
  }
  const boot = async () => {
    await node.boot()
    await until('both sessions are up', async () => {
      const found = await sessions()
      return found.size === 2 ? null : `only ${[...found.keys()]}`
    })
  }
  return { daemon, manifest, rtr, boot, sessions, taken: node.taken, ask: node.ask }
}

async function planNode(daemon: 'bird' | 'frr', atExpiry: 'accept' | 'last-good', dir: string) {
  const { fleet, issues } = parseFleet([
    { name: 'fleet.yaml', text: fleetFile(atExpiry) },
    { name: 'fra1.yaml', text: siteFile(daemon) },
  ])
  if (fleet === null) throw new Error(JSON.stringify(issues))
  const { nodes } = compilePlan(fleet, () => ({
    paths: {
      daemonSocket: daemon === 'bird' ? `${dir}/bird.ctl` : `${dir}/bgpd.vty`,
      announceFile: daemon === 'bird' ? `${dir}/announce.conf` : null,
      configFile: `${dir}/${daemon}.conf`,
      bundleDir: dir,
      runtimeDir: dir,
      stateDir: dir,
    },
    listen: [],
    logFile: `${dir}/daemon.log`,
  }))
  const files = renderBundle(createRenderer(await loadTemplates()), nodes[0]!)
  return new Map(files.map(({ path, content }) => [path, content]))
}

function birdIn(namespace: string, dir: string): Daemon {
  const socketPath = join(dir, 'bird.ctl')
  const argv = ['bird', '-f', '-c', join(dir, 'bird.conf'), '-s', socketPath] as const
  return new Daemon({ namespace, argv, socketPath })
}

async function prepareBird(namespace: string, dir: string, undo: (() => Promise<unknown>)[]) {
  const bird = birdIn(namespace, dir)
  const client = new BirdClient({ socketPath: join(dir, 'bird.ctl'), deadlineMs: patience(5000) })
  undo.push(async () => client.close())
  undo.push(() => bird.kill())
  const ask = async (command: string) => (await client.send(command)).lines.map(({ text }) => text).join('\n')
  return {
    boot: () => bird.start(),
    ask,
    taken: async () => {
      const tables = await Promise.all(
        ['master4', 'master6'].map((table) => ask(`show route table ${table}`)),
      )
      return prefixesIn(tables.join('\n'), /^(\S+\/\d+)\s.*\[/gm)
    },
  }
}

async function prepareFrr(namespace: string, dir: string, undo: (() => Promise<unknown>)[]) {
  await writeFile(join(dir, 'vtysh.conf'), '')
  await writeFile(join(dir, 'daemon.log'), '')
  await execa('chown', ['-R', 'frr:frr', dir])
  const vtysh = ['--vty_socket', dir, '--config_dir', dir, '-b']
  const daemonOf = (name: string, socket: string, extra: string[], afterStart?: () => Promise<void>) => {
    const program = `/usr/lib/frr/${name}`
    const common = ['--vty_socket', dir, '-z', `${dir}/zserv.api`, '-i', `${dir}/${name}.pid`]
    const argv = [program, ...common, '-f', '/dev/null', '-A', '127.0.0.1', '-P', '0', ...extra] as const
    const found = new Daemon({
      namespace,
      argv: argv as unknown as [string, ...string[]],
      socketPath: `${dir}/${socket}`,
      ...(afterStart && { afterStart }),
    })
    undo.push(() => found.kill())
    return found
  }
  await daemonOf('zebra', 'zserv.api', []).start()
  const bgpd = daemonOf('bgpd', 'bgpd.vty', ['-M', 'rpki'], async () => {
    await execa('vtysh', vtysh)
  })
  const vty = new Vty({ socketPath: `${dir}/bgpd.vty`, deadlineMs: patience(5000) })
  undo.push(async () => vty.close())
  return {
    boot: () => bgpd.start(),
    ask: (command: string) => vty.ask(command),
    taken: async () => {
      const tables = []
      for (const family of ['ipv4', 'ipv6']) {
        const answer = JSON.parse(await vty.ask(`show bgp ${family} unicast json`))
        tables.push(...Object.keys(answer.routes ?? {}))
      }
      return tables.sort()
    },
  }
}

function prefixesIn(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((found) => found[1]!).sort()
}

async function connectNamespaces(
  node: string,
  opposite: string,
  undo: (() => Promise<unknown>)[],
): Promise<void> {
  const ip = (...argv: string[]) => execa('ip', argv)
  for (const name of [node, opposite]) {
    await ip('netns', 'add', name)
    undo.push(() => execa('ip', ['netns', 'del', name], { reject: false }))
    await ip('-n', name, 'link', 'set', 'lo', 'up')
  }
  await ip('-n', node, 'link', 'add', 'r4v0', 'type', 'veth', 'peer', 'name', 'r4v0', 'netns', opposite)
  for (const [name, digit] of [
    [node, 2],
    [opposite, 1],
  ] as const) {
    await ip('-n', name, 'addr', 'add', `10.9.1.${digit}/24`, 'dev', 'r4v0')
    await ip('-n', name, 'addr', 'add', `fd09:1::${digit}/64`, 'dev', 'r4v0', 'nodad')
    await ip('-n', name, 'link', 'set', 'r4v0', 'up')
  }
}
