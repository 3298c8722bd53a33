import type { Announcements, Grade } from '../src/net/announcements.ts'
import type { NeighborObservation, Observation } from '../src/node/routing/daemon.ts'

interface NeighborLists extends Omit<NeighborObservation, 'announced'> {
  readonly announced: readonly string[]
  readonly degraded: readonly string[]
}

interface ObservationLists {
  readonly originated: readonly string[]
  readonly degraded: readonly string[]
  readonly neighbors: readonly NeighborLists[]
  readonly otherAnnouncers: Observation['otherAnnouncers']
}

/** An observation with lists in place of its maps, in which a test shows the order and what is degraded. */
export function asLists({ originated, neighbors, otherAnnouncers }: Observation): ObservationLists {
  return {
    originated: [...originated.keys()],
    degraded: degradedOf(originated),
    neighbors: neighbors.map(({ announced, ...rest }) => ({
      ...rest,
      announced: [...announced.keys()],
      degraded: degradedOf(announced),
    })),
    otherAnnouncers,
  }
}

/** The observation that has these lists. */
export function fromLists({
  originated,
  degraded,
  neighbors,
  otherAnnouncers,
}: ObservationLists): Observation {
  return {
    originated: graded(originated, degraded),
    neighbors: neighbors.map(({ announced, degraded: worse, ...rest }) => ({
      ...rest,
      announced: graded(announced, worse),
    })),
    otherAnnouncers,
  }
}

/** What is observed at a daemon now, as lists. */
export async function observeLists(daemon: { observe(): Promise<Observation> }): Promise<ObservationLists> {
  return asLists(await daemon.observe())
}

function degradedOf(announcements: Announcements): string[] {
  return [...announcements].flatMap(([prefix, grade]) => (grade === 'degraded' ? [prefix] : []))
}

function graded(prefixes: readonly string[], degraded: readonly string[]): Announcements {
  return new Map(
    prefixes.map((prefix): [string, Grade] => [prefix, degraded.includes(prefix) ? 'degraded' : 'normal']),
  )
}
