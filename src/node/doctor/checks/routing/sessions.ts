import { daemonNames } from '../../../../manifest/daemon-kinds.ts'
import { type Check, error, type Found, warning } from '../../check.ts'

/** Whether the daemon has a session with each neighbor of the bundle. */
export const sessions: Check = {
  name: 'sessions',
  reads: 'the sessions of the daemon: that it has the one with each neighbor of the YAML, and that it is up',
  async examine({ manifest, bundle, observe }) {
    if (manifest === null || observe === null) return []
    const observed = await observe()
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
