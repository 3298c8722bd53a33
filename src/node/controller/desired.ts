import type { ManifestNeighbor } from '../../manifest/manifest.ts'
import type { Announcements, Grade } from '../../net/announcements.ts'
import type { DecisionName } from '../decision/decide.ts'
import type { Observation } from '../routing/daemon.ts'

interface DecidedService {
  readonly prefixes: readonly string[]
  readonly decision: DecisionName
}

/**
 * The whole set that this node should originate. For a prefix that several services share, the best grade wins. `hold`
 * keeps the prefixes of the service that are in `current`, with their grade.
 */
export function computeDesired(decided: Iterable<DecidedService>, current: Announcements): Announcements {
  const desired = new Map<string, Grade>()
  for (const { prefixes, decision } of decided) {
    for (const prefix of prefixes) {
      const grade = gradeOf(decision, current.get(prefix))
      if (grade !== undefined && desired.get(prefix) !== 'normal') desired.set(prefix, grade)
    }
  }
  return desired
}

function gradeOf(decision: DecisionName, current: Grade | undefined): Grade | undefined {
  switch (decision) {
    case 'announce':
      return 'normal'
    case 'degrade':
      return 'degraded'
    case 'hold':
      return current
    case 'withdraw':
      return undefined
  }
}

/** The differences between the desired and the advertised routes; empty: none. */
export function findDifferences(
  desired: Announcements,
  { originated, neighbors: states, remark }: Observation,
  neighbors: readonly ManifestNeighbor[],
): string[] {
  const differences: string[] = []
  const because = (words: string | undefined) => (words === undefined ? '' : ` (${words})`)
  for (const [prefix, grade] of desired) {
    const found = originated.get(prefix)
    if (found === undefined) differences.push(`${prefix} is not originated${because(remark)}`)
    else if (found !== grade) differences.push(`${prefix} is originated ${wordsOf[found]}`)
  }
  for (const prefix of originated.keys()) {
    if (!desired.has(prefix)) differences.push(`${prefix} is still originated`)
  }
  const byName = new Map(states.map((neighbor) => [neighbor.neighbor, neighbor]))
  for (const { name, prefixes } of neighbors) {
    const state = byName.get(name)
    const why = (key: string) => because(state?.remarks?.get(key))
    if (state === undefined || state.session === 'missing') {
      differences.push(`there is no session to ${name}${why('session')}`)
    }
    if (state?.session !== 'up') continue
    const { announced } = state
    const permitted = new Set<string>(prefixes)
    for (const prefix of prefixes) {
      const grade = desired.get(prefix)
      if (grade === undefined) continue
      const found = announced.get(prefix)
      if (found === undefined) differences.push(`${prefix} is not advertised to ${name}${why(prefix)}`)
      else if (found !== grade) {
        differences.push(`${prefix} is advertised to ${name} ${wordsOf[found]}${why(prefix)}`)
      }
    }
    for (const prefix of announced.keys()) {
      if (!desired.has(prefix)) differences.push(`${prefix} is still advertised to ${name}${why(prefix)}`)
      else if (!permitted.has(prefix)) {
        differences.push(`${prefix} is advertised to ${name}, but the bundle does not allow it`)
      }
    }
  }
  return differences
}

const wordsOf: Readonly<Record<Grade, string>> = { normal: 'undegraded', degraded: 'degraded' }
