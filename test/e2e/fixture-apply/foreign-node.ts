import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { execa } from 'execa'
import {
  frrCommand,
  frrDaemons,
  makeFrrFolder,
  removeFrrFolder,
  zebraSocket,
} from '../../../src/node/routing/frr/instance.ts'
import { compilePlan } from '../../../src/plan/compile/compile-plan.ts'
import { createRenderer } from '../../../src/plan/render/render.ts'
import { renderBundle } from '../../../src/plan/service/render-bundle.ts'
import { loadTemplates } from '../../../src/plan/service/templates.ts'
import { fleetOf } from '../../unit/lab/fleets.ts'
import { cli } from '../fixture-lab/lab.ts'
import { Daemon } from '../fixture-routing/daemon-process.ts'
import { until } from '../fixture-routing/until.ts'
import type { Outcome } from './bundles.ts'

export type Kind = 'bird' | 'frr'

/** A node with routing of its own, and the router that it speaks BGP and OSPF with. */
export interface ForeignNode {
  readonly dir: string
  readonly configFile: string
  readonly bundleDir: string
  readonly bundle: string
  /** Writes the configuration file, and runs it. */
  run(config: string): Promise<void>
  /** Ends the routing daemon, and starts it with its files, as a boot does. */
  restart(): Promise<void>
  stop(): Promise<void>
  apply(args?: readonly string[], onStep?: (step: string, end: () => void) => void): Promise<Applied>
  /** What the far router sees: its sessions and OSPF neighbors that are up. */
  seenByPeer(): Promise<string[]>
  vtysh(...commands: string[]): Promise<string>
  end(): Promise<void>
}

interface Applied {
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
  /** With `--json`. */
  readonly outcome:
    | (Outcome & { foreign: { what: string; state: string | null; place: string | null }[] } & {
        difference: string | null
        copies: string[]
      })
    | null
}

const peerConfig = `router id 10.9.0.1;
protocol device {}
protocol static { ipv4; route 10.60.0.0/24 blackhole; route 10.61.0.0/24 blackhole; }
protocol ospf v2 core { ipv4 { import all; export none; }; area 0 { interface "fe0" { hello 1; type ptp; }; }; }
protocol bgp upstream1 { local 10.9.0.1 as 64601; neighbor 10.9.0.2 as 64500; connect delay time 1; error wait time 1, 2;
  ipv4 { import all; export where source = RTS_STATIC; }; }
protocol bgp transit1 { local 10.9.0.4 as 64602; neighbor 10.9.0.3 as 64500; connect delay time 1; error wait time 1, 2;
  ipv4 { import all; export none; }; }
`

const site = (daemon: Kind) => `site: edge
nodes:
  - name: edge-a
    daemon: ${daemon}
    routerId: 10.9.0.2
    services: [vpn]
    neighbors:
      - { name: transit1, kind: transit, asn: 64602, address: 10.9.0.4, localAddress: 10.9.0.3, import: default-only }
`

export async function startForeignNode(kind: Kind): Promise<ForeignNode> {
  const undo: (() => Promise<unknown>)[] = []
  const names = { node: `fgn${process.pid}${kind}`, peer: `fgp${process.pid}${kind}` }
  const dir = await mkdtemp(join(tmpdir(), 'foreign-'))
  await chmod(dir, 0o755)
  undo.push(() => rm(dir, { recursive: true, force: true }))
  for (const name of Object.values(names)) {
    await execa('ip', ['netns', 'add', name])
    undo.push(() => execa('ip', ['netns', 'del', name], { reject: false }))
    await execa('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  }
  await execa('ip', [
    '-n',
    names.node,
    'link',
    'add',
    'fe0',
    'type',
    'veth',
    'peer',
    'fe0',
    'netns',
    names.peer,
  ])
  const addresses = [
    [names.node, '10.9.0.2/24'],
    // BIRD keeps only one session to an address.
    [names.node, '10.9.0.3/24'],
    [names.peer, '10.9.0.1/24'],
    [names.peer, '10.9.0.4/24'],
  ] as const
  for (const [name, address] of addresses) {
    await execa('ip', ['-n', name, 'addr', 'add', address, 'dev', 'fe0'])
    await execa('ip', ['-n', name, 'link', 'set', 'fe0', 'up'])
  }

  const peerSocket = join(dir, 'peer.ctl')
  await writeFile(join(dir, 'peer.conf'), peerConfig)
  const peer = new Daemon({
    namespace: names.peer,
    argv: ['bird', '-f', '-c', join(dir, 'peer.conf'), '-s', peerSocket],
    socketPath: peerSocket,
  })
  await peer.start()
  undo.push(() => peer.kill())

  const etc = join(dir, 'etc')
  const vty = join(dir, 'vty')
  const bundleDir = join(dir, 'anyward', 'bundle')
  const configFile = join(etc, `${kind}.conf`)
  const daemonSocket = kind === 'bird' ? join(dir, 'bird.ctl') : join(vty, 'bgpd.vty')
  await mkdir(etc)
  await mkdir(vty)
  await writeFile(join(etc, 'vtysh.conf'), '')
  await execa('chown', ['frr:frr', vty])
  const plan = compilePlan(fleetOf(site(kind)), () => ({
    paths: {
      daemonSocket,
      announceFile: kind === 'bird' ? join(dir, 'announce.conf') : null,
      configFile,
      bundleDir,
      runtimeDir: join(dir, 'run'),
      stateDir: join(dir, 'state'),
    },
    listen: [],
    logFile: kind === 'bird' ? join(dir, 'bird.log') : join(vty, 'frr.log'),
  }))
  const bundle = join(dir, 'edge-a')
  await mkdir(bundle)
  const files = renderBundle(createRenderer(await loadTemplates()), plan.nodes[0]!)
  for (const { path, content } of files) await writeFile(join(bundle, path), content)

  const daemons =
    kind === 'bird'
      ? [
          new Daemon({
            namespace: names.node,
            argv: ['bird', '-f', '-c', configFile, '-s', daemonSocket],
            socketPath: daemonSocket,
          }),
        ]
      : await edgeDaemons(names.node, vty, undo)
  undo.push(...daemons.map((daemon) => () => daemon.kill()))
  const vtysh = async (...args: string[]) =>
    (await execa('vtysh', ['--vty_socket', vty, '--config_dir', etc, ...args])).stdout
  const stop = async () => {
    for (const daemon of [...daemons].reverse()) await daemon.kill()
  }
  const restart = async () => {
    await stop()
    for (const daemon of daemons) await daemon.start()
    if (kind === 'frr') await vtysh('-b')
  }

  return {
    dir,
    configFile,
    bundleDir,
    bundle,
    stop,
    restart,
    vtysh: (...commands) => vtysh(...commands.flatMap((command) => ['-c', command])),
    async run(config) {
      await writeFile(configFile, config, { mode: 0o640 })
      await restart()
    },
    async apply(args = ['--json'], onStep) {
      const command = [process.execPath, cli, 'apply', '--bundle', bundle, '--timeout', '10s', ...args]
      const child = execa('ip', ['netns', 'exec', names.node, ...command], { reject: false, stdin: 'ignore' })
      child.stderr.on('data', (data: Buffer) => {
        for (const step of data.toString().split('\n'))
          onStep?.(step, () => process.kill(child.pid!, 'SIGTERM'))
      })
      const { exitCode, stdout, stderr } = await child
      // The reason is needed where an outcome is expected.
      if (args.includes('--json') && stdout === '') console.error(stderr)
      const isJson = args.includes('--json') && stdout !== ''
      return { exitCode, stdout, stderr, outcome: isJson ? JSON.parse(stdout) : null }
    },
    async seenByPeer() {
      const { stdout } = await execa('birdc', ['-s', peerSocket, 'show', 'protocols'])
      const up = stdout.split('\n').flatMap((line) => /^(\S+) .* Established/.exec(line)?.[1] ?? [])
      const { stdout: ospf } = await execa('birdc', ['-s', peerSocket, 'show', 'ospf', 'neighbors', 'core'])
      return [...up, ...(ospf.includes('Full') ? ['ospf'] : [])].sort()
    },
    async end() {
      for (const step of undo.splice(0).reverse()) await step()
    },
  }
}

/** The daemons of an edge with OSPF, in the order in which they start. */
async function edgeDaemons(
  namespace: string,
  vty: string,
  undo: (() => Promise<unknown>)[],
): Promise<Daemon[]> {
  const instance = { name: `${basename(dirname(vty))}-edge`, sockets: vty }
  await makeFrrFolder(instance.name)
  undo.push(() => removeFrrFolder(instance.name))
  return [...frrDaemons().flat(), 'ospfd'].map(
    (name) =>
      new Daemon({
        namespace,
        argv: frrCommand(instance, name),
        socketPath: name === 'zebra' ? zebraSocket(vty) : join(vty, `${name}.vty`),
      }),
  )
}

/** Polls until the far router sees exactly these sessions. */
export async function untilSeen(node: ForeignNode, wanted: readonly string[]): Promise<void> {
  await until(`the far router sees ${wanted.join(', ') || 'nothing'}`, async () => {
    const seen = await node.seenByPeer()
    return seen.join() === [...wanted].sort().join() ? null : `it sees ${seen.join(', ') || 'nothing'}`
  })
}
