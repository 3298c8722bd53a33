import { readdir, readFile, readlink } from 'node:fs/promises'
import type { Manifest } from '../../manifest/manifest.ts'

/**
 * The process id of the node's routing daemon, in our network namespace: one whose socket was removed goes on
 * announcing. Of several instances on one machine it is the one that was started with our socket, or with none
 * named. `null`: none is seen.
 */
export async function findDaemonProcess({ daemon, paths }: Manifest): Promise<number | null> {
  const name = daemon === 'bird' ? 'bird' : 'bgpd'
  const namespace = await readlink('/proc/self/ns/net').catch(() => null)
  for (const entry of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(entry)) continue
    try {
      if ((await readFile(`/proc/${entry}/comm`, 'utf8')).trimEnd() !== name) continue
      // Of another user's process only root may read it, and then it counts as ours: to call a daemon that runs
      // dead would be to call a prefix withdrawn that is announced.
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
      // It ended, or is not ours to look at.
    }
  }
  return null
}
