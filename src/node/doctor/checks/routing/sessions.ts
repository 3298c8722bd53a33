import { daemonNames } from '../../../../manifest/daemon-kinds.ts'
import { DaemonError } from '../../../routing/daemon.ts'
import { type Check, error, type Found, unfinished, unseen, warning } from '../../check.ts'

/** Whether the daemon has a session with each neighbor of the bundle. */
export const sessions: Check = {
  name: 'sessions',
  reads: 'the sessions of the daemon: that it has the one with each neighbor of the YAML, and that it is up',
  async examine({ manifest, bundle, observe }) {
    if (manifest === null || observe === null) return []
    let observed: Awaited<ReturnType<typeof observe>>
    try {
      observed = await observe()
    } catch (cause) {
      if (!(cause instanceof DaemonError)) throw cause
      // The check of its socket says so.
      if (cause.code === 'not-running' || cause.code === 'permission') return []
      if (cause.code === 'timeout') return [unfinished(`the sessions were not read: ${cause.message}`)]
      return [
        unseen(
          `the sessions were not read: ${cause.message}`,
          'run this again; if it stays so, read the log of the daemon',
        ),
      ]
    }
    const { project } = daemonNames[manifest.daemon]
    const isAttached = manifest.routing === 'attached'
    const cureOfMissing = isAttached
      ? 'add it to your own configuration, or correct its address and `session` in the YAML'
      : `run \`anyward apply --bundle ${bundle ?? 'DIR'}\``
    const missing = observed.neighbors.filter(({ session }) => session === 'missing')
    if (missing.length === observed.neighbors.length && missing.length > 0 && !isAttached) {
      return [error(`${project} has no session of this bundle`, cureOfMissing)]
    }
    return observed.neighbors.flatMap(({ neighbor, session, remarks }): Found[] => {
      if (session === 'up') return []
      if (session === 'down') {
        const cure = `compare the far end with the output of \`anyward plan --for-neighbor ${neighbor}\``
        return [warning(`the session with ${neighbor} is down`, cure)]
      }
      const why = remarks?.get('session')
      const message = `${project} has no session with ${neighbor}${why === undefined ? '' : ` (${why})`}`
      return [error(message, cureOfMissing)]
    })
  },
}
