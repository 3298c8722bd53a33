import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import type { Daemon } from '../e2e/fixtures/routing/daemon-process.ts'
import { daemonsIn } from '../e2e/fixtures/routing/daemons-in.ts'
import { forwardPort, Speaker, type SpeakerOptions } from './bgp/speaker.ts'

/** The node's end of the link. */
export const nodeAddresses = { ipv4: '10.77.0.1', ipv6: 'fd77::1' } as const
/** The address of the RTR cache. */
export const cacheAddress = '10.77.0.2'

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

type Undo = (() => Promise<unknown>)[]

let beds = 0

/** Two namespaces and a link: the node in one, in the other every neighbor, as an address. */
export async function makeBed(kind: 'bird' | 'frr', addresses: readonly string[]): Promise<Bed> {
  const undo: Undo = []
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    return { ...(await build(kind, addresses, undo)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function build(
  kind: 'bird' | 'frr',
  addresses: readonly string[],
  undo: Undo,
): Promise<Omit<Bed, 'stop'>> {
  const dir = await mkdtemp(join(tmpdir(), 'pf-'))
  undo.push(() => rm(dir, { recursive: true, force: true }))
  // bgpd's user must be able to enter.
  await chmod(dir, 0o755)
  beds += 1
  const node = `pfn${process.pid}-${beds}`
  const opposite = `pfp${process.pid}-${beds}`
  await connectNamespaces(node, opposite, addresses, undo)
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

async function connectNamespaces(node: string, opposite: string, addresses: readonly string[], undo: Undo) {
  for (const name of [node, opposite]) {
    await execa('ip', ['netns', 'add', name])
    undo.push(() => execa('ip', ['netns', 'del', name], { reject: false }))
  }
  const batch = (namespace: string, commands: readonly string[]) =>
    execa('ip', ['-n', namespace, '-batch', '-'], { input: commands.join('\n') })
  await batch(node, ['link set lo up', `link add pf type veth peer name pf netns ${opposite}`])
  const addressing = (all: readonly string[]) => [
    ...all.map((address) =>
      address.includes(':') ? `addr add ${address}/64 dev pf nodad` : `addr add ${address}/16 dev pf`,
    ),
    'link set pf up',
  ]
  await batch(node, addressing(Object.values(nodeAddresses)))
  await batch(opposite, ['link set lo up', ...addressing([cacheAddress, ...addresses])])
  // The kernel's default hop limit, so that a speaker that does not set one passes GTSM (RFC 5082).
  await execa('ip', [
    ...['netns', 'exec', opposite, 'sysctl', '-qw', 'net.ipv4.ip_default_ttl=255'],
    ...[
      'net.ipv6.conf.all.hop_limit=255',
      'net.ipv6.conf.default.hop_limit=255',
      'net.ipv6.conf.pf.hop_limit=255',
    ],
  ])
}

async function startRelay(namespace: string, controlPath: string, undo: Undo): Promise<void> {
  const script = fileURLToPath(new URL('bgp/relay.mjs', import.meta.url))
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
