import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { fillSecrets } from '../../../src/bundle/secrets.ts'
import { createInterface, generateKeyPair, renderWireguard } from '../../../src/lab/machine/wireguard.ts'
import { compilePlan } from '../../../src/plan/compile/compile-plan.ts'
import { createRenderer } from '../../../src/plan/render/render.ts'
import { renderBundle } from '../../../src/plan/service/render-bundle.ts'
import { loadTemplates } from '../../../src/plan/service/templates.ts'
import type { Fleet } from '../../../src/plan/sites/fleet.ts'
import { requireFleet } from '../../../src/plan/sites/load.ts'
import { installedVersion } from '../../installed-version.ts'
import { cli } from '../fixture-lab/lab.ts'
import { daemonsIn } from '../fixture-routing/daemons-in.ts'
import { inKernel } from '../fixture-wireguard/server.ts'

type Kind = 'bird' | 'frr'

/** `bed.json` of a case; README.md in test/e2e/adopters explains it. */
export interface BedPlan {
  readonly namespaces: readonly string[]
  readonly forwards: readonly string[]
  readonly wires: readonly (readonly [string, string, string, string])[]
  readonly ip: Readonly<Record<string, readonly string[]>>
  readonly passwords: Readonly<Record<string, string>>
  readonly neighbors: readonly {
    readonly namespace: string
    readonly daemon: Kind
    readonly config: string
    readonly has: readonly string[]
  }[]
  readonly gateways: Readonly<Record<string, string>>
  /** The routes that the node has to accept, and those that it must not. */
  readonly accepts?: readonly string[]
  readonly refuses?: readonly string[]
  /** The VRPs of the RPKI cache on the node. */
  readonly vrps?: string
}

export async function readBed(dir: string): Promise<BedPlan> {
  return JSON.parse(await readFile(join(dir, 'bed.json'), 'utf8')) as BedPlan
}

/** The provider's network, and the node with its daemon, its WireGuard server and its controller. */
export class Bed {
  readonly plan: BedPlan
  readonly #dir: string
  readonly #kind: Kind
  readonly #undo: (() => Promise<unknown>)[] = []
  readonly #sockets = new Map<string, string>()
  readonly #wireguard: string
  #log = ''

  constructor(dir: string, plan: BedPlan, kind: Kind) {
    this.plan = plan
    this.#dir = dir
    this.#kind = kind
    this.#wireguard = `wg${kind[0]}${process.pid}`
  }

  /** What our programs on the node have logged. */
  get log(): string {
    return this.#log
  }

  async start(): Promise<void> {
    const files = await mkdtemp(join(tmpdir(), 'ad-'))
    this.#undo.push(() => rm(files, { recursive: true, force: true }))
    await execa('chmod', ['755', files])
    await this.#wire()
    for (const { namespace, daemon, config } of this.plan.neighbors) {
      const own = await makeDir(join(files, namespace))
      const daemons = await daemonsIn(daemon, this.#name(namespace), own, this.#undo)
      const process = await daemons.prepare(await readFile(join(this.#dir, config), 'utf8'))
      this.#undo.push(() => process.kill())
      await process.start()
      this.#sockets.set(namespace, daemons.socketPath)
    }
    await this.#startNode(files)
  }

  async stop(): Promise<void> {
    for (const step of this.#undo.splice(0).reverse()) await step()
  }

  removeWireguard() {
    return this.ip('node', 'link', 'del', this.#wireguard)
  }

  ip(namespace: string, ...args: string[]) {
    return execa('ip', ['-n', this.#name(namespace), ...args])
  }

  /** The prefixes that each neighbor has from the node, sorted, one list for each in the order of `bed.json`. */
  tables(): Promise<string[][]> {
    return Promise.all(
      this.plan.neighbors.map(async ({ namespace, daemon }) => {
        const socket = this.#sockets.get(namespace)!
        const prefixes = daemon === 'bird' ? await readBird(socket) : await readFrr(socket)
        return [...prefixes].sort()
      }),
    )
  }

  /** Of the given prefixes, those that the node has from its neighbors. */
  async accepted(prefixes: readonly string[]): Promise<string[]> {
    const socket = this.#sockets.get('node')!
    const has = this.#kind === 'bird' ? await readBird(socket) : await readFrr(socket)
    return prefixes.filter((prefix) => has.has(prefix))
  }

  /** The gateways of the node's own default routes by family, and where a packet to the internet goes. */
  async defaultGateways(): Promise<Record<string, string[]>> {
    const found: Record<string, string[]> = {}
    for (const [family, far] of [
      ['ipv4', '8.8.8.8'],
      ['ipv6', '2620:fe::fe'],
    ] as const) {
      if (!(family in this.plan.gateways)) continue
      const json = async (...args: string[]) => {
        const { stdout } = await this.ip('node', '-j', `-${family.slice(3)}`, 'route', ...args)
        return (JSON.parse(stdout || '[]') as { gateway?: string; type?: string }[]).map(
          ({ gateway, type }) => gateway ?? type ?? 'none',
        )
      }
      found[family] = [...new Set([...(await json('show', 'default')), ...(await json('get', far))])]
    }
    return found
  }

  #name(namespace: string): string {
    return `ad${process.pid}${this.#kind[0]}-${namespace}`
  }

  async #wire(): Promise<void> {
    const { namespaces, forwards, wires, ip } = this.plan
    for (const namespace of namespaces) {
      await execa('ip', ['netns', 'add', this.#name(namespace)])
      this.#undo.push(() => execa('ip', ['netns', 'del', this.#name(namespace)], { reject: false }))
      await this.ip(namespace, 'link', 'set', 'lo', 'up')
    }
    for (const namespace of forwards) {
      const sysctl = ['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']
      await execa('ip', ['netns', 'exec', this.#name(namespace), ...sysctl])
    }
    for (const [near, link, far, peer] of wires) {
      await this.ip(near, 'link', 'add', link, 'type', 'veth', 'peer', 'name', peer, 'netns', this.#name(far))
      await this.ip(near, 'link', 'set', link, 'up')
      await this.ip(far, 'link', 'set', peer, 'up')
    }
    for (const [namespace, lines] of Object.entries(ip)) {
      await execa('ip', ['-n', this.#name(namespace), '-batch', '-'], { input: `${lines.join('\n')}\n` })
    }
  }

  async #startNode(files: string): Promise<void> {
    const own = await makeDir(join(files, 'node'))
    if (this.plan.vrps !== undefined) {
      const vrps = ['--vrps', join(this.#dir, this.plan.vrps), '--max-age', '87600h', '--state', own]
      this.#run('rtr', ...vrps, '--listen', '127.0.0.1:3323')
    }
    const daemons = await daemonsIn(this.#kind, this.#name('node'), own, this.#undo)
    this.#sockets.set('node', daemons.socketPath)
    const server = generateKeyPair()
    const probe = generateKeyPair()
    const fleet = await this.#adapt(await requireFleet(this.#dir), own, server.publicKey, probe.privateKey)
    const plan = compilePlan(fleet, () => ({
      paths: {
        daemonSocket: daemons.socketPath,
        announceFile: this.#kind === 'bird' ? join(own, 'announce.conf') : null,
        configFile: join(own, 'installed.conf'),
        bundleDir: join(own, 'bundle'),
        runtimeDir: join(own, 'run'),
        stateDir: join(own, 'state'),
      },
      listen: [],
      logFile: `${daemons.socketPath}.log`,
    })).nodes[0]!
    const bundle = await makeDir(join(own, 'bundle'))
    for (const { path, content } of renderBundle(createRenderer(await loadTemplates()), plan)) {
      await writeFile(join(bundle, path), content)
    }
    const config = await fillSecrets(await readFile(join(bundle, `${this.#kind}.conf`), 'utf8'))
    const daemon = await daemons.prepare(config)
    this.#undo.push(() => daemon.kill())
    await daemon.start()
    const [service] = plan.services
    for (const { network, length } of service!.anycast) {
      await this.ip('node', 'addr', 'add', `${network}/${length}`, 'dev', 'lo')
    }
    const wireguardConfig = join(own, 'wireguard.conf')
    const peer = { publicKey: probe.publicKey, allowedIps: [`${service!.probe.address}/32`] }
    await writeFile(wireguardConfig, renderWireguard(server.privateKey, service!.wireguard.port, [peer]))
    // It ends with its interface.
    await createInterface({
      namespace: this.#name('node'),
      interface: this.#wireguard,
      config: wireguardConfig,
      addresses: service!.wireguard.addresses.map(String),
      log: join(own, 'wireguard.log'),
      inKernel,
    })
    this.#undo.push(() => this.removeWireguard().catch(() => undefined))
    this.#run('controller', '--bundle', bundle)
  }

  /** Runs a command of ours on the node until the end. */
  #run(...words: string[]): void {
    const args = ['netns', 'exec', this.#name('node'), process.execPath, cli, ...words]
    const program = execa('ip', args, { reject: false, all: true, buffer: false })
    program.all.on('data', (chunk: Buffer) => {
      this.#log += chunk.toString()
    })
    this.#undo.push(async () => {
      program.kill('SIGTERM')
      await program
    })
  }

  /** The fleet with the keys and files of this bed; everything else as in the YAML. */
  async #adapt(fleet: Fleet, own: string, publicKey: string, probeKey: string): Promise<Fleet> {
    const keyFile = join(own, 'probe.key')
    await writeFile(keyFile, `${probeKey}\n`, { mode: 0o600 })
    const passwordFiles = new Map<string, string>()
    for (const [file, password] of Object.entries(this.plan.passwords)) {
      const local = join(own, `password-${passwordFiles.size}`)
      await writeFile(local, `${password}\n`, { mode: 0o600 })
      passwordFiles.set(file, local)
    }
    return {
      ...fleet,
      services: fleet.services.map((service) => ({
        ...service,
        wireguard: { ...service.wireguard, interface: this.#wireguard, publicKey },
        probe: { ...service.probe, privateKeyFile: keyFile },
      })),
      sites: fleet.sites.map((site) => ({
        ...site,
        nodes: site.nodes.map((node) => ({
          ...node,
          daemon: this.#kind,
          daemonVersion: installedVersion(this.#kind),
          neighbors: node.neighbors.map((neighbor) => ({
            ...neighbor,
            passwordFile: neighbor.passwordFile && (passwordFiles.get(neighbor.passwordFile) ?? null),
          })),
        })),
      })),
    }
  }
}

async function makeDir(path: string): Promise<string> {
  await mkdir(path, { mode: 0o755 })
  return path
}

async function readBird(socket: string): Promise<Set<string>> {
  const { stdout } = await execa('birdc', ['-s', socket, 'show', 'route', 'where', 'source = RTS_BGP'])
  return new Set([...stdout.matchAll(/^(\S+\/\d+)\s/gm)].map(([, prefix]) => prefix!))
}

async function readFrr(socket: string): Promise<Set<string>> {
  const prefixes = new Set<string>()
  for (const family of ['ipv4', 'ipv6']) {
    const args = ['--vty_socket', join(socket, '..'), '-c', `show bgp ${family} unicast json`]
    const { stdout } = await execa('vtysh', args)
    const { routes = {} } = JSON.parse(stdout || '{}') as { routes?: Record<string, unknown> }
    for (const prefix of Object.keys(routes)) prefixes.add(prefix)
  }
  return prefixes
}
