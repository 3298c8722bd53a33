import { listProcesses, readArgv, readNetNamespace, readProgramName } from '../../linux/proc.ts'
import { daemonNames } from '../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../manifest/manifest.ts'

/**
 * Finds the process id of the node's routing daemon in this network namespace: a daemon whose socket was removed still
 * announces. Of several instances on one machine, it is the one started with the manifest's socket, or without a socket
 * argument. `null`: none is visible.
 */
export async function findDaemonProcess({ daemon, paths }: Manifest): Promise<number | null> {
  const name = daemonNames[daemon].process
  const namespace = await readNetNamespace('self').catch(() => null)
  for (const pid of await listProcesses().catch(() => [])) {
    if ((await readProgramName(pid)) !== name) continue
    if ((await findNamespace(pid, namespace)) !== namespace) continue
    const argv = await readArgv(pid)
    const namesSocket = argv.some((word) => word === '-s' || word.startsWith('--vty_socket'))
    const isOurs = argv.some((word) => word !== '' && paths.daemonSocket.startsWith(word))
    // A zombie has no command line, and no sockets.
    if (argv.length > 0 && (!namesSocket || isOurs)) return pid
  }
  return null
}

/** `undefined`: the process has ended. */
function findNamespace(pid: number, ours: number | null): Promise<number | null | undefined> {
  return readNetNamespace(pid).catch(({ code }: NodeJS.ErrnoException) =>
    // Only root may read this of another user's process. If it is not readable, the process counts as this node's:
    // a running daemon taken for a dead one would make an announced prefix look withdrawn.
    code === 'EACCES' || code === 'EPERM' ? ours : undefined,
  )
}
