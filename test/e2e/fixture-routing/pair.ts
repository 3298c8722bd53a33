import { access, chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import { patience } from '../../patience.ts'
import { birdNodeConfig, frrNodeConfig, manifestOf, neighborConfig, neighbors } from './configs.ts'
import { Daemon } from './daemon-process.ts'
import { until } from './until.ts'

export interface Pair {
  readonly manifest: Manifest
  readonly namespace: string
  /** The node's own configuration file. */
  readonly configFile: string
  /** The node's BIRD, or its bgpd. */
  readonly daemon: Daemon
  /** The prefixes that a neighbor has from us in its own table, by the name of its session. */
  received(neighbor: string): Promise<string[]>
  sessionsUp(): Promise<void>
  stop(): Promise<void>
}

type Undo = (() => Promise<unknown>)[]

/** A node with the daemon under test, and one BIRD that plays all of its neighbors, in two namespaces. */
export async function startPair(kind: 'bird' | 'frr'): Promise<Pair> {
  const undo: Undo = []
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    return { ...(await build(kind, undo)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function build(kind: 'bird' | 'frr', undo: Undo): Promise<Omit<Pair, 'stop'>> {
  const dir = await makeFolder(undo)
  const namespace = `r1n${process.pid}`
  const opposite = `r1p${process.pid}`
  await connectNamespaces(namespace, opposite, undo)
  const neighborSocket = await startNeighbor(opposite, join(dir, 'p'), undo)
  const client = new BirdClient({ socketPath: neighborSocket, deadlineMs: patience(5000) })
  undo.push(async () => client.close())

  const nodeDir = join(dir, 'n')
  await mkdir(nodeDir)
  const start = kind === 'bird' ? startBird : startFrr
  const { daemon, configFile } = await start(namespace, nodeDir, undo)
  const sessionsUp = () =>
    until('all sessions are up', async () => {
      const reply = await client.send('show protocols')
      const down = neighbors.filter(
        ({ name }) =>
          !reply.lines.some(({ text }) => text.startsWith(`${name} `) && text.includes('Established')),
      )
      return down.length === 0 ? null : `${down.map(({ name }) => name)} not up`
    })
  await sessionsUp()
  const received = async (name: string) => {
    const reply = await client.send(`show route protocol ${name}`)
    return reply.lines
      .map(({ code, text }) => (code === 1007 ? /^(\S+\/\d+)\s/.exec(text)?.[1] : undefined))
      .filter((prefix) => prefix !== undefined)
      .sort()
  }
  return { manifest: manifestOf(kind, nodeDir), namespace, configFile, daemon, received, sessionsUp }
}

/** In memory where possible, so that the disk does not affect measurements. */
async function makeFolder(undo: Undo): Promise<string> {
  const memory = await access('/dev/shm').then(
    () => true,
    () => false,
  )
  const dir = await mkdtemp(join(memory ? '/dev/shm' : tmpdir(), 'r1-'))
  undo.push(() => rm(dir, { recursive: true, force: true }))
  // The daemons' users must be able to enter.
  await chmod(dir, 0o755)
  return dir
}

async function connectNamespaces(node: string, opposite: string, undo: Undo): Promise<void> {
  for (const name of [node, opposite]) {
    await execa('ip', ['netns', 'add', name])
    undo.push(() => execa('ip', ['netns', 'del', name], { reject: false }))
    await execa('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  }
  for (const [index, { family, node: own, neighbor }] of neighbors.entries()) {
    const device = `r1v${index}`
    const addressing = (local: string, peer: string) =>
      family === 'ipv4' ? [local, 'peer', `${peer}/32`] : [`${local}/64`, 'nodad']
    await execa('ip', [
      '-n',
      node,
      'link',
      'add',
      device,
      'type',
      'veth',
      'peer',
      'name',
      device,
      'netns',
      opposite,
    ])
    for (const [namespace, local, peer] of [
      [node, own, neighbor],
      [opposite, neighbor, own],
    ] as const) {
      await execa('ip', ['-n', namespace, 'addr', 'add', ...addressing(local, peer), 'dev', device])
      await execa('ip', ['-n', namespace, 'link', 'set', device, 'up'])
    }
  }
}

async function startNeighbor(namespace: string, dir: string, undo: Undo): Promise<string> {
  await mkdir(dir)
  await writeFile(`${dir}/bird.conf`, neighborConfig(dir))
  const socketPath = `${dir}/ctl`
  const daemon = new Daemon({
    namespace,
    argv: ['bird', '-f', '-c', `${dir}/bird.conf`, '-s', socketPath],
    socketPath,
  })
  undo.push(() => daemon.kill())
  await daemon.start()
  return socketPath
}

async function startBird(namespace: string, dir: string, undo: Undo) {
  const configFile = `${dir}/bird.conf`
  await writeFile(configFile, birdNodeConfig(dir))
  const socketPath = `${dir}/ctl`
  const daemon = new Daemon({
    namespace,
    argv: ['bird', '-f', '-c', configFile, '-s', socketPath],
    socketPath,
  })
  undo.push(() => daemon.kill())
  await daemon.start()
  return { daemon, configFile }
}

async function startFrr(namespace: string, dir: string, undo: Undo) {
  const configDir = `${dir}-config`
  const configFile = `${configDir}/frr.conf`
  await mkdir(configDir)
  await writeFile(configFile, frrNodeConfig())
  await writeFile(`${configDir}/vtysh.conf`, '')
  await execa('chown', ['frr:frr', dir])
  const vtysh = ['--vty_socket', dir, '--config_dir', configDir]
  const zserv = `${dir}/zserv.api`
  const start = async (name: string, socketPath: string, afterStart?: () => Promise<void>) => {
    const argv = [
      `/usr/lib/frr/${name}`,
      '--vty_socket',
      dir,
      '-z',
      zserv,
      '-i',
      `${dir}/${name}.pid`,
    ] as const
    const daemon = new Daemon({
      namespace,
      argv: [...argv, '-f', '/dev/null', '-A', '127.0.0.1', '-P', '0'],
      socketPath,
      ...(afterStart && { afterStart }),
    })
    undo.push(() => daemon.kill())
    await daemon.start()
    return daemon
  }
  await start('zebra', zserv)
  const daemon = await start('bgpd', `${dir}/bgpd.vty`, async () => {
    await execa('vtysh', [...vtysh, '-b'])
  })
  return { daemon, configFile }
}
