import { nothingAnnounced } from '../../net/announcements.ts'
import { DaemonError, type Observation } from './daemon.ts'

/** Withdrawn prefixes that neighbors still have. */
export interface LeftAnnouncement {
  readonly neighbor: string
  readonly prefix: string
}

/** Whether the daemon was observed to originate none of these prefixes, and no neighbor to have one of them. */
export function isWithdrawn(observation: Observation, prefixes: Iterable<string>): boolean {
  const { originated, neighbors } = observation
  return [...prefixes].every(
    (prefix) => !originated.has(prefix) && !neighbors.some(({ announced }) => announced.has(prefix)),
  )
}

/** Those of these prefixes that the neighbors were observed to have. */
export function findLeft({ neighbors }: Observation, prefixes: ReadonlySet<string>): LeftAnnouncement[] {
  return neighbors.flatMap(({ neighbor, announced }) =>
    [...announced.keys()].filter((prefix) => prefixes.has(prefix)).map((prefix) => ({ neighbor, prefix })),
  )
}

/**
 * Whether a call failed because the daemon does not run: then its sessions are closed, and no neighbor has its
 * routes.
 */
export function isNotRunning(error: unknown): boolean {
  return error instanceof DaemonError && error.code === 'not-running'
}

/** The observation of a daemon that does not run. */
export function observationWithoutDaemon(neighbors: readonly { readonly name: string }[]): Observation {
  return {
    originated: nothingAnnounced,
    neighbors: neighbors.map(({ name }) => ({
      neighbor: name,
      session: 'down',
      announced: nothingAnnounced,
    })),
    otherAnnouncers: null,
  }
}
