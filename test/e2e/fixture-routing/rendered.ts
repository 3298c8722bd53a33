import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { normally } from '../../../src/net/announcements.ts'
import type { RoutingDaemon } from '../../../src/node/routing/daemon.ts'
import { createDaemon } from '../../../src/node/service/create-daemon.ts'
import { compilePlan } from '../../../src/plan/compile/compile-plan.ts'
import { createRenderer } from '../../../src/plan/render/render.ts'
import { renderWithManifest } from '../../../src/plan/service/render-bundle.ts'
import { loadTemplates } from '../../../src/plan/service/templates.ts'
import { versionLine } from '../../installed-version.ts'
import { fleetOf } from '../../unit/lab/fleets.ts'
import { daemonsIn } from './daemons-in.ts'

type Kind = 'bird' | 'frr'

interface Sides {
  readonly kind: Kind
  /** Of the node, in the site's YAML. */
  readonly neighbors: readonly string[]
  readonly node?: string
  readonly far: { readonly kind: Kind; readonly config: (dir: string) => string }
  /** `ip` commands in the node's and in the neighbor's namespace, before the daemons start. The link is `eth1` and `swp1`. */
  readonly wire: { readonly node: readonly string[]; readonly far: readonly string[] }
}

/** A node with the configuration that the planner writes for it, and one neighbor, on one link. */
export interface RenderedPair {
  readonly manifest: Manifest
  readonly daemon: RoutingDaemon
  /** Announces all that the node originates. */
  readonly announce: () => Promise<void>
  readonly onNode: (...argv: string[]) => Promise<string>
  readonly onFar: (...argv: string[]) => Promise<string>
  /** `birdc` or `vtysh -c` at the neighbor. */
  readonly askFar: (command: string) => Promise<string>
  readonly askNode: (command: string) => Promise<string>
  readonly stop: () => Promise<void>
}

let pairs = 0

export async function startRendered({ kind, neighbors, node = '', far, wire }: Sides): Promise<RenderedPair> {
  const undo: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const id = `${process.pid}n${pairs++}`
    const names = { node: `rpn${id}`, far: `rpf${id}` }
    const dir = await mkdtemp(join(tmpdir(), 'rp-'))
    undo.push(() => rm(dir, { recursive: true, force: true }))
    await chmod(dir, 0o755)
    for (const name of Object.values(names)) {
      await execa('ip', ['netns', 'add', name])
      undo.push(() => execa('ip', ['netns', 'del', name], { reject: false }))
      await execa('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
      // As on every gateway. A host that does not forward takes a default route from router advertisements.
      await execa('ip', [
        'netns',
        'exec',
        name,
        'sysctl',
        '-qw',
        'net.ipv4.ip_forward=1',
        'net.ipv6.conf.all.forwarding=1',
      ])
    }
    const ip = (name: string, command: string) => execa('ip', ['-n', name, ...command.split(' ')])
    await ip(names.node, `link add eth1 type veth peer name swp1 netns ${names.far}`)
    for (const [name, link, commands] of [
      [names.node, 'eth1', wire.node],
      [names.far, 'swp1', wire.far],
    ] as const) {
      // A link-local address is usable at once.
      await execa('ip', ['netns', 'exec', name, 'sysctl', '-qw', `net.ipv6.conf.${link}.accept_dad=0`])
      await ip(name, `link set ${link} up`)
      for (const command of commands) await ip(name, command)
    }
    const askOf = async (
      side: 'node' | 'far',
      kindOf: Kind,
      config: (socketPath: string, dir: string) => Promise<string>,
    ) => {
      const own = join(dir, side)
      await mkdir(own)
      const prepared = await daemonsIn(kindOf, names[side], own, undo)
      const daemon = await prepared.prepare(await config(prepared.socketPath, own))
      undo.push(() => daemon.kill())
      await daemon.start()
      return async (command: string) => {
        const argv =
          kindOf === 'bird'
            ? ['birdc', '-s', prepared.socketPath, ...command.split(' ')]
            : ['vtysh', '--vty_socket', join(own, 'vty'), '--config_dir', join(own, 'config'), '-c', command]
        return (await execa(argv[0]!, argv.slice(1), { reject: false, all: true })).all
      }
    }
    const askFar = await askOf('far', far.kind, async (_socket, own) => far.config(own))
    const site = `site: lab1
nodes:
  - name: lab1-a
    daemon: ${kind}
    ${versionLine(kind)}
    routerId: 10.0.0.1
    services: [vpn]
${node}    neighbors:
${neighbors.map((fields) => `      - { ${fields} }`).join('\n')}
`
    let manifest: Manifest | null = null
    const askNode = await askOf('node', kind, async (daemonSocket, own) => {
      const plan = compilePlan(fleetOf(site), () => ({
        paths: {
          daemonSocket,
          announceFile: kind === 'bird' ? join(own, 'announce.conf') : null,
          configFile: join(own, 'unused.conf'),
          bundleDir: own,
          runtimeDir: own,
          stateDir: own,
        },
        listen: [],
        logFile: `${daemonSocket}.log`,
      }))
      const rendered = renderWithManifest(createRenderer(await loadTemplates()), plan.nodes[0]!)
      manifest = rendered.manifest
      return rendered.files.find(({ path }) => path === `${kind}.conf`)!.content
    })
    const daemon = await createDaemon(manifest!)
    undo.push(async () => daemon.close())
    return {
      manifest: manifest!,
      daemon,
      announce: () => daemon.apply(normally(manifest!.services.flatMap(({ prefixes }) => prefixes))),
      onNode: async (...argv) => (await execa('ip', ['netns', 'exec', names.node, ...argv])).stdout,
      onFar: async (...argv) => (await execa('ip', ['netns', 'exec', names.far, ...argv])).stdout,
      askFar,
      askNode,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
