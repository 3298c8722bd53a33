import { readdir, readFile, readlink } from 'node:fs/promises'
import { daemonNames } from '../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../manifest/manifest.ts'

/**
 * Finds the process id of the node's routing daemon in this network namespace: a daemon whose socket was removed still
 * announces. Of several instances on one machine, it is the one started with the manifest's socket, or without a socket
 * argument. `null`: none is visible.
 */
export async function findDaemonProcess({ daemon, paths }: Manifest): Promise<number | null> {
  const name = daemonNames[daemon].process
  const namespace = await readlink('/proc/self/ns/net').catch(() => null)
  for (const entry of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(entry)) continue
    try {
      if ((await readFile(`/proc/${entry}/comm`, 'utf8')).trimEnd() !== name) continue
      // Only root may read this of another user's process. If it is not readable, the process counts as this node's:
      // a running daemon taken for a dead one would make an announced prefix look withdrawn.
      const its = await readlink(`/proc/${entry}/ns/net`).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'EACCES' || error.code === 'EPERM') return namespace
        throw error
      })
      if (its !== namespace) continue
      const argv = (await readFile(`/proc/${entry}/cmdline`, 'utf8')).split('\0')
      const namesSocket = argv.some((word) => word === '-s' || word.startsWith('--vty_socket'))
      const isOurs = argv.some((word) => word !== '' && paths.daemonSocket.startsWith(word))
      // A zombie has no command line, and no sockets.
      if (argv[0] !== '' && (!namesSocket || isOurs)) return Number(entry)
    } catch {
      // It has ended, or is not readable for this user.
    }
  }
  return null
}
