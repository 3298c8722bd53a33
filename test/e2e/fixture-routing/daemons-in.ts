import { mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { execa } from 'execa'
import {
  frrCommand,
  frrDaemons,
  makeFrrFolder,
  removeFrrFolder,
  zebraSocket,
} from '../../../src/node/routing/frr/instance.ts'
import { Daemon } from './daemon-process.ts'

/** Steps that are taken at the end, the last one first. */
type Undo = (() => Promise<unknown>)[]

interface PreparedDaemon {
  readonly socketPath: string
  /** A daemon with this configuration, not started yet. */
  prepare(config: string): Promise<Daemon>
}

/** BIRD, or bgpd with zebra, staticd, bfdd and, from FRR 10 on, mgmtd, in a network namespace, with its files in `dir`. */
export async function daemonsIn(
  kind: 'bird' | 'frr',
  namespace: string,
  dir: string,
  undo: Undo,
): Promise<PreparedDaemon> {
  return kind === 'bird' ? birdIn(namespace, dir) : frrIn(namespace, dir, undo)
}

function birdIn(namespace: string, dir: string): PreparedDaemon {
  const socketPath = join(dir, 'bird.ctl')
  const file = join(dir, 'bird.conf')
  const prepare = async (config: string) => {
    await writeFile(file, config)
    return new Daemon({ namespace, argv: ['bird', '-f', '-c', file, '-s', socketPath], socketPath })
  }
  return { socketPath, prepare }
}

async function frrIn(namespace: string, dir: string, undo: Undo): Promise<PreparedDaemon> {
  const configDir = join(dir, 'config')
  const vtyDir = join(dir, 'vty')
  await mkdir(configDir)
  await mkdir(vtyDir)
  await writeFile(join(configDir, 'vtysh.conf'), '')
  await execa('chown', ['frr:frr', vtyDir])
  const instance = { name: `${basename(dirname(dir))}-${basename(dir)}`, sockets: vtyDir }
  await makeFrrFolder(instance.name)
  undo.push(() => removeFrrFolder(instance.name))
  const argvOf = (name: string) => frrCommand(instance, name)
  const others = frrDaemons()
    .flat()
    .filter((name) => name !== 'bgpd')
  for (const name of others) {
    const socket = name === 'zebra' ? zebraSocket(vtyDir) : join(vtyDir, `${name}.vty`)
    const daemon = new Daemon({ namespace, argv: argvOf(name), socketPath: socket })
    undo.push(() => daemon.kill())
    await daemon.start()
  }
  const socketPath = join(vtyDir, 'bgpd.vty')
  const prepare = async (config: string) => {
    await writeFile(join(configDir, 'frr.conf'), config)
    return new Daemon({
      namespace,
      argv: argvOf('bgpd'),
      socketPath,
      afterStart: async () => {
        for (const name of [...others, 'bgpd']) {
          await execa('vtysh', ['--vty_socket', vtyDir, '--config_dir', configDir, '-d', name, '-b'])
        }
      },
    })
  }
  return { socketPath, prepare }
}
