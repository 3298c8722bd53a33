import { chmod, copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fillSecrets } from '../../bundle/secrets.ts'
import { removeTree } from '../../files/remove-tree.ts'
import { isListening } from '../../files/unix-socket.ts'
import { RunError, run } from '../../linux/run.ts'
import { bracketLast } from '../../manifest/announcements.ts'
import { type DaemonKind, daemonNames, filtersFile } from '../../manifest/daemon-kinds.ts'
import type { NodePaths } from '../../manifest/manifest.ts'
import { frrCommand, frrDaemons, makeFrrFolder, removeFrrFolder } from '../../node/routing/frr/instance.ts'
import type { NodeLayout } from '../../plan/compile/plan.ts'
import { maskFrrSecrets } from '../../syntax/mask-secrets.ts'
import { LabError } from '../lab-error.ts'
import { commandLimitMs } from '../limits.ts'
import type { NodeState, ProcessRecord } from '../state.ts'
import type { LabNode } from '../topology/model.ts'
import { runIn } from './namespaces.ts'
import { startDetached } from './processes.ts'
import { waitForStart } from './wait-for-start.ts'

/** Of the lab's folders below /run/frr. */
const frrNamePrefix = 'anyward-lab-'
const frrRunDir = '/run/frr'
/** FRR's daemons leave their crash logs' folders here, named after their process. */
const frrScratchDir = '/var/tmp/frr'

type OnStart = (process: ProcessRecord) => void

interface LabDaemon {
  /** By the folder of the node. */
  readonly filesOf: (
    dir: string,
  ) => Pick<NodePaths, 'daemonSocket' | 'announceFile' | 'configFile'> & { logFile: string }
  readonly install: (node: NodeState, content: string) => Promise<void>
  readonly start: (node: NodeState, signal?: AbortSignal, onStart?: OnStart) => Promise<ProcessRecord[]>
  /** Starts the process that speaks BGP again, and returns all processes of the daemon. */
  readonly restart: (node: NodeState, ended: ProcessRecord) => Promise<ProcessRecord[]>
}

const labDaemons: Readonly<Record<DaemonKind, LabDaemon>> = {
  bird: {
    filesOf: (dir) => ({
      daemonSocket: join(dir, 'bird.ctl'),
      announceFile: join(dir, 'announce.conf'),
      configFile: join(dir, 'bird.conf'),
      logFile: join(dir, 'daemon.log'),
    }),
    install: installBird,
    start: startBird,
    restart: (node) => startBird(node),
  },
  frr: {
    filesOf: (dir) => ({
      daemonSocket: join(dir, 'vty', 'bgpd.vty'),
      announceFile: null,
      configFile: join(dir, 'frr', 'frr.conf'),
      logFile: join(dir, 'vty', 'daemon.log'),
    }),
    install: installFrr,
    start: startFrr,
    restart: restartBgpd,
  },
}

/** Where the node's routing daemon writes its log. */
export function daemonLogOf(node: NodeState): string {
  return labDaemons[node.daemon].filesOf(node.dir).logFile
}

export function layoutOf(node: LabNode, dir: string, port: number): NodeLayout {
  const { logFile, ...files } = labDaemons[node.daemon].filesOf(dir)
  const paths: NodePaths = {
    ...files,
    bundleDir: join(dir, 'bundle'),
    runtimeDir: join(dir, 'run'),
    stateDir: join(dir, 'state'),
  }
  return {
    paths,
    listen: [`127.0.0.1:${port}`, `${node.managementAddress.address}:${port}`],
    // The network is on this machine alone.
    isOpen: true,
    logFile,
  }
}

/**
 * Installs a node's bundle as its routing daemon's configuration, with the secrets filled in.
 * @param own an attached node's own configuration, with the paths of a real node
 */
export async function installConfiguration(node: NodeState, own: string | null): Promise<void> {
  await mkdir(join(node.dir, 'run'), { recursive: true })
  await mkdir(join(node.dir, 'state'), { recursive: true })
  if (own !== null) {
    const content = own
      .replaceAll('/run/anyward/', `${node.dir}/`)
      .replaceAll('/run/anywar[d]/', `${bracketLast(node.dir)}/`)
      .replaceAll('/etc/anyward/bundle/', `${node.bundle}/`)
      .replaceAll('/etc/anyward/bundl[e]/', `${bracketLast(node.bundle)}/`)
    // As after `anyward apply` and `write memory`.
    const filters = node.daemon === 'frr' ? await readFile(join(node.bundle, filtersFile), 'utf8') : ''
    await labDaemons[node.daemon].install(node, `${content}\n${filters}`)
    return
  }
  const name = daemonNames[node.daemon].configFile
  const content = await fillSecrets(await readFile(join(node.bundle, name), 'utf8'))
  await labDaemons[node.daemon].install(node, content)
}

async function installBird(node: NodeState, content: string): Promise<void> {
  await writeFile(join(node.dir, 'bird.conf'), content, { mode: 0o600 })
  await copyFile(join(node.bundle, 'announce.conf'), join(node.dir, 'announce.conf'))
}

async function installFrr(node: NodeState, content: string): Promise<void> {
  const vty = join(node.dir, 'vty')
  const config = join(node.dir, 'frr')
  await mkdir(vty, { recursive: true })
  await mkdir(config, { recursive: true })
  await writeFile(join(config, 'frr.conf'), content, { mode: 0o640 })
  await writeFile(join(config, 'vtysh.conf'), '')
  await writeFile(join(vty, 'daemon.log'), '')
  // FRR's daemons drop privileges before they bind their sockets.
  await run(['chown', '-R', 'frr:frr', vty, config], { timeoutMs: commandLimitMs })
}

/** Starts the node's routing daemon without a controller, as a boot does, and returns when it accepts commands. */
export async function startDaemons(
  node: NodeState,
  signal?: AbortSignal,
  onStart?: OnStart,
): Promise<ProcessRecord[]> {
  return labDaemons[node.daemon].start(node, signal, onStart)
}

/** Starts the node's BGP speaker, which has ended, again. */
export async function restartDaemon(node: NodeState, ended: ProcessRecord): Promise<void> {
  node.daemons = await labDaemons[node.daemon].restart(node, ended)
}

async function startBird(node: NodeState, signal?: AbortSignal, onStart?: OnStart): Promise<ProcessRecord[]> {
  const record = await startBirdProcess('bird', node.namespace, node.dir, signal)
  onStart?.(record)
  return [record]
}

/** `bird.conf` and `bird.ctl` are in `dir`. */
export async function startBirdProcess(
  name: string,
  namespace: string,
  dir: string,
  signal?: AbortSignal,
): Promise<ProcessRecord> {
  const argv = ['bird', '-f', '-c', join(dir, 'bird.conf'), '-s', join(dir, 'bird.ctl')]
  const record = await startDetached({ name, namespace, argv, log: join(dir, 'bird.err') })
  await waitForSocket(join(dir, 'bird.ctl'), record, signal)
  return record
}

/** Any user of this machine may query a neighbor's BIRD. */
export async function openSocket(path: string): Promise<void> {
  await chmod(path, 0o666)
}

async function startFrr(node: NodeState, signal?: AbortSignal, onStart?: OnStart): Promise<ProcessRecord[]> {
  const start = async (program: string) => {
    const record = await startFrrProgram(node, program)
    onStart?.(record)
    return record
  }
  const all: ProcessRecord[] = []
  const vty = join(node.dir, 'vty')
  await makeFrrFolder(frrNameOf(node))
  // It may have OSPF: an attached node's own configuration, or `extra`.
  const config = await readFile(join(node.dir, 'frr', 'frr.conf'), 'utf8')
  for (const group of frrDaemons(config)) {
    const records = await Promise.all(group.map(start))
    all.push(...records)
    // Not zebra's own socket, which opens before its vty: zebra 10 may lose its connected routes when a client leaves early.
    await Promise.all(records.map((record) => waitForSocket(join(vty, `${record.name}.vty`), record, signal)))
  }
  await loadFrrConfiguration(node, null, signal)
  return all
}

async function restartBgpd(node: NodeState, ended: ProcessRecord): Promise<ProcessRecord[]> {
  await removeFrrScratch([ended.pid])
  const bgpd = await startBgpd(node)
  return node.daemons.map((record) => (record === ended ? bgpd : record))
}

export async function startBgpd(node: NodeState, signal?: AbortSignal): Promise<ProcessRecord> {
  const record = await startFrrProgram(node, 'bgpd')
  await waitForSocket(join(node.dir, 'vty', 'bgpd.vty'), record, signal)
  await loadFrrConfiguration(node, 'bgpd', signal)
  return record
}

async function startFrrProgram(node: NodeState, program: string): Promise<ProcessRecord> {
  const instance = { name: frrNameOf(node), sockets: join(node.dir, 'vty') }
  return startDetached({
    name: program,
    namespace: node.namespace,
    argv: frrCommand(instance, program),
    log: join(node.dir, `${program}.err`),
  })
}

/** The machine has one lab. */
function frrNameOf(node: NodeState): string {
  return `${frrNamePrefix}${node.name}`
}

/** @param only the one daemon to configure; `null`: all. */
async function loadFrrConfiguration(
  node: NodeState,
  only: string | null,
  signal?: AbortSignal,
): Promise<void> {
  const argv = ['vtysh', '--vty_socket', join(node.dir, 'vty'), '--config_dir', join(node.dir, 'frr')]
  try {
    await runIn(node.namespace, [...argv, ...(only === null ? [] : ['-d', only]), '-b'], { signal })
  } catch (error) {
    // Without the error as its cause: vtysh repeats the line that it refuses, which may have a secret.
    if (error instanceof RunError) throw new LabError(`${node.name}: ${maskFrrSecrets(error.message)}`)
    throw error
  }
}

function waitForSocket(path: string, record: ProcessRecord, signal?: AbortSignal): Promise<void> {
  return waitForStart(record, `open ${path}`, () => isListening(path), signal)
}

/** Removes the folders of the lab's FRR daemons, which have ended, below /run/frr. */
export async function removeFrrFolders(): Promise<void> {
  for (const entry of await readdir(frrRunDir).catch(() => [])) {
    if (entry.startsWith(frrNamePrefix)) await removeFrrFolder(entry)
  }
}

/** Removes the crash log folders of killed FRR daemons. */
export async function removeFrrScratch(pids: readonly number[]): Promise<void> {
  const ours = new Set(pids.map(String))
  for (const entry of await readdir(frrScratchDir).catch(() => [])) {
    const pid = entry.slice(entry.lastIndexOf('.') + 1)
    if (ours.has(pid)) await removeTree(join(frrScratchDir, entry))
  }
}
