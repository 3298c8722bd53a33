import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { Daemon } from '../../e2e/fixtures/routing/daemon-process.ts'
import { daemonsIn } from '../../e2e/fixtures/routing/daemons-in.ts'
import { forwardPort, Speaker, type SpeakerOptions } from '../bgp/speaker.ts'
import type { ProofNeighbor } from '../fleet/neighbors.ts'
import { cacheAddress, defaultVrfLink, nodeAddresses, nodeLinkLocal, nodeLinks } from './links.ts'

export interface Bed {
  readonly dir: string
  /** Starts BIRD, or bgpd with what it needs, on a configuration; ends the one before. */
  start(config: string): Promise<void>
  /** The socket of the running daemon. */
  readonly socketPath: string
  dial(options: Omit<SpeakerOptions, 'relay'>): Promise<Speaker>
  /** Lets a server on a Unix socket answer in the neighbors' namespace. */
  forward(address: string, port: number, unixPath: string): Promise<void>
  stop(): Promise<void>
}

/** An address of the neighbors' side. */
type Placed = Pick<ProofNeighbor, 'address' | 'link' | 'unnumbered'>
type Undo = (() => Promise<unknown>)[]

let beds = 0

/**
 * Two namespaces and a few links: the node in one, in the other every neighbor, as an address on a link.
 *
 * @param vrf of the node's links; `null`: the default one
 */
export async function makeBed(
  kind: 'bird' | 'frr',
  addresses: readonly Placed[],
  vrf: string | null = null,
): Promise<Bed> {
  const undo: Undo = []
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    return { ...(await build(kind, addresses, vrf, undo)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function build(
  kind: 'bird' | 'frr',
  addresses: readonly Placed[],
  vrf: string | null,
  undo: Undo,
): Promise<Omit<Bed, 'stop'>> {
  const dir = await mkdtemp(join(tmpdir(), 'pf-'))
  undo.push(() => rm(dir, { recursive: true, force: true }))
  // bgpd's user must be able to enter.
  await chmod(dir, 0o755)
  beds += 1
  const node = `pfn${process.pid}-${beds}`
  const opposite = `pfp${process.pid}-${beds}`
  await connectNamespaces(node, opposite, addresses, vrf, undo)
  const unnumbered = addresses.filter(({ unnumbered }) => unnumbered)
  // bgpd learns an unnumbered neighbor's address from these.
  if (kind === 'frr' && unnumbered.length > 0) await advertiseRouters(opposite, unnumbered, dir, undo)
  const relay = join(dir, 'relay')
  await startRelay(opposite, relay, undo)
  const daemons = await daemonsIn(kind, node, dir, undo)
  let running: Daemon | null = null
  undo.push(async () => running?.kill())
  return {
    dir,
    socketPath: daemons.socketPath,
    start: async (config) => {
      await running?.kill()
      running = await daemons.prepare(config)
      await running.start()
    },
    dial: (options) => Speaker.open({ ...options, relay }),
    forward: (address, port, unixPath) => forwardPort(relay, { listen: address, port, forward: unixPath }),
  }
}

async function connectNamespaces(
  node: string,
  opposite: string,
  addresses: readonly Placed[],
  vrf: string | null,
  undo: Undo,
) {
  for (const name of [node, opposite]) {
    await execa('ip', ['netns', 'add', name])
    undo.push(() => execa('ip', ['netns', 'del', name], { reject: false }))
  }
  const batch = (namespace: string, commands: readonly string[]) =>
    execa('ip', ['-n', namespace, '-batch', '-'], { input: commands.join('\n') })
  await batch(node, [
    'link set lo up',
    ...nodeLinks.map((link) => `link add ${link} type veth peer name ${link} netns ${opposite}`),
  ])
  // Before they get their addresses: IPv6 ones are lost when a link moves.
  if (vrf !== null) await moveIntoVrf(node, opposite, vrf)
  const addressing = (all: readonly Omit<Placed, 'unnumbered'>[]) => [
    // Link-local addresses are those below.
    ...nodeLinks.map((link) => `link set ${link} addrgenmode none`),
    ...all.map(({ address, link }) =>
      address.includes(':')
        ? `addr add ${address}/64 dev ${link} nodad`
        : `addr add ${address}/16 dev ${link}`,
    ),
    ...nodeLinks.map((link) => `link set ${link} up`),
  ]
  const [first] = nodeLinks
  await batch(
    node,
    addressing([
      ...Object.values(nodeAddresses).map((address) => ({ address, link: first })),
      ...nodeLinks.map((link) => ({ address: nodeLinkLocal, link })),
    ]),
  )
  await batch(opposite, [
    'link set lo up',
    ...addressing([{ address: cacheAddress, link: first }, ...addresses]),
  ])
  // The kernel's default hop limit, so that a speaker that does not set one passes GTSM (RFC 5082).
  const hopLimits = ['all', 'default', ...nodeLinks].map((name) => `net.ipv6.conf.${name}.hop_limit=255`)
  const sysctl = ['sysctl', '-qw', 'net.ipv4.ip_default_ttl=255', ...hopLimits]
  await execa('ip', ['netns', 'exec', opposite, ...sysctl])
}

/** Moves the node's links into a VRF. Only the RTR cache is reached in the default one. */
async function moveIntoVrf(node: string, opposite: string, vrf: string) {
  const { link, node: here, opposite: there } = defaultVrfLink
  const batch = (namespace: string, ...commands: readonly string[]) =>
    execa('ip', ['-n', namespace, '-batch', '-'], { input: commands.join('\n') })
  await batch(
    node,
    `link add ${vrf} type vrf table 100`,
    `link set ${vrf} up`,
    ...nodeLinks.map((name) => `link set ${name} master ${vrf}`),
    `link add ${link} type veth peer name ${link} netns ${opposite}`,
    `link set ${link} up`,
    `addr add ${here}/24 dev ${link}`,
    `route add ${cacheAddress} via ${there} onlink dev ${link}`,
  )
  await batch(opposite, `link set ${link} up`, `addr add ${there}/24 dev ${link}`)
}

async function advertiseRouters(namespace: string, on: readonly Placed[], dir: string, undo: Undo) {
  const file = join(dir, 'routers.conf')
  const socketPath = join(dir, 'routers.ctl')
  const interfaces = on.map(
    ({ link }) => `interface "${link}" { min ra interval 3; max ra interval 4; default lifetime 0; };`,
  )
  await writeFile(file, `router id 10.77.0.2; protocol device {} protocol radv { ${interfaces.join(' ')} }\n`)
  const daemon = new Daemon({ namespace, argv: ['bird', '-f', '-c', file, '-s', socketPath], socketPath })
  undo.push(() => daemon.kill())
  await daemon.start()
}

async function startRelay(namespace: string, controlPath: string, undo: Undo): Promise<void> {
  const script = fileURLToPath(new URL('../bgp/relay.mjs', import.meta.url))
  const child: ChildProcess = spawn(
    'ip',
    ['netns', 'exec', namespace, process.execPath, script, controlPath],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  undo.push(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  await once(child.stdout!, 'data')
}
