import { readAccess } from '../../../../linux/inspect/text-file.ts'
import { daemonNames } from '../../../../manifest/daemon-kinds.ts'
import { DaemonError } from '../../../routing/daemon.ts'
import { readDaemonVersion } from '../../../routing/version.ts'
import { type Check, error, unseen, warning } from '../../check.ts'

/** Whether the daemon answers on its control socket, and whether any user may give it commands. */
export const socket: Check = {
  name: 'socket',
  reads: "the daemon's control socket: an answer, and its mode",
  async examine({ manifest }) {
    if (manifest === null) return []
    const { daemonSocket: path } = manifest.paths
    const { project, socketGroup } = daemonNames[manifest.daemon]
    const access = await readAccess(path)
    const open =
      access !== null && /[2367]$/.test(access.mode)
        ? [warning(`every user may command ${project}: ${path} has mode ${access.mode}`, `chmod o= ${path}`)]
        : []
    try {
      await readDaemonVersion({ kind: manifest.daemon, socketPath: path, deadlineMs: 3000 })
      return open
    } catch (cause) {
      if (!(cause instanceof DaemonError)) throw cause
      if (cause.code === 'permission') {
        return [unseen(cause.message, `run this as root or as a member of the group ${socketGroup}`), ...open]
      }
      const cure = `start ${project}; check that its control socket is ${path}`
      return [error(cause.message, cure), ...open]
    }
  },
}
