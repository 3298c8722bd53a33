import { chmod, chown, mkdir, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { execa, type ResultPromise } from 'execa'
import { removeTree } from '../../../files/remove-tree.ts'
import { type FrrInstance, frrCommand, frrDaemons, makeFrrFolder, removeFrrFolder } from './instance.ts'
import { waitUntilListening } from './scratch-start.ts'
import { Vtysh } from './vtysh.ts'

/** Said of each route of a VRF, of which the empty namespace has none. */
const missingVrf = 'not installed currently because dependent config not fully available'

export interface ScratchReading {
  /** FRR's errors for lines of the file, as `line N: words`. */
  readonly complaints: readonly string[]
  /** `show running-config` before the file was read (the defaults of this machine) and after. */
  readonly empty: string
  readonly running: string
}

/**
 * Loads a configuration into FRR's own daemons, each in an empty network namespace without neighbors, and returns
 * it as they print it: without defaults, lists in order, with their errors. Takes about a second. Needs root.
 * Throws DaemonError.
 */
export async function readByScratchDaemons(config: string): Promise<ScratchReading> {
  const dir = await mkdtemp(join(tmpdir(), 'anyward-frr-'))
  const sockets = join(dir, 'vty')
  await mkdir(sockets)
  // `mkdtemp` adds letters and digits, which FRR accepts.
  const instance = { name: basename(dir), sockets }
  const daemons: ResultPromise[] = []
  try {
    await makeFrrFolder(instance.name)
    await chmod(dir, 0o755)
    // The daemons drop root privileges before they create their sockets.
    await execa('chown', ['frr:frr', sockets])
    for (const group of frrDaemons(config)) await startAll(instance, group, daemons)
    const vtysh = new Vtysh(sockets)
    const empty = await vtysh.readRunning()
    // Otherwise they would write into the log of the running daemons.
    const log = join(sockets, 'log')
    const path = /^log file (\S+)/m.exec(config)?.[1] ?? log
    const lines = config.replaceAll(`log file ${path}`, `log file ${log}`).split('\n')
    const said = (await vtysh.configure(lines)).filter((words) => !words.includes(missingVrf))
    const running = (await vtysh.readRunning()).replaceAll(`log file ${log}`, `log file ${path}`)
    return { complaints: said, empty, running }
  } finally {
    await Promise.all(daemons.map(stop))
    // As its owner, the user frr could create files in the folder while it is emptied.
    await chown(sockets, 0, 0)
    await removeTree(dir)
    await removeFrrFolder(instance.name)
  }
}

async function startAll(
  instance: FrrInstance,
  names: readonly string[],
  started: ResultPromise[],
): Promise<void> {
  const { sockets } = instance
  const starting = names.map(async (name) => {
    const socket = join(sockets, `${name}.vty`)
    const process = start(instance, name)
    started.push(process)
    await waitUntilListening({
      name,
      socket,
      end: () => describeEnd(process),
      readOutput: () => readFile(outputOf(sockets, name), 'utf8').catch(() => ''),
    })
  })
  await Promise.all(starting)
}

/**
 * Beside the folder of the sockets, where only root writes: that folder belongs to the user frr, which can create
 * links in it.
 */
function outputOf(sockets: string, name: string): string {
  return join(dirname(sockets), `${name}.out`)
}

function start(instance: FrrInstance, name: string): ResultPromise {
  const out = { file: outputOf(instance.sockets, name) }
  const process = execa('unshare', ['--net', ...frrCommand(instance, name)], {
    reject: false,
    stdin: 'ignore',
    stdout: out,
    stderr: out,
  })
  // Only its exit is of interest.
  process.catch(() => undefined)
  return process as ResultPromise
}

function describeEnd({ exitCode, signalCode }: ResultPromise): string | null {
  if (exitCode !== null) return `exit code ${exitCode}`
  return signalCode === null ? null : `signal ${signalCode}`
}

async function stop(process: ResultPromise): Promise<void> {
  process.kill('SIGTERM')
  const late = setTimeout(() => process.kill('SIGKILL'), 2000)
  await process.catch(() => undefined)
  clearTimeout(late)
}
