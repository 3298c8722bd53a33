import type { ManifestNeighbor } from '../../manifest/manifest.ts'
import type { Announcements, Grade } from '../../net/announcements.ts'
import type { DecisionName } from '../decision/decide.ts'
import type { Observation } from '../routing/daemon.ts'

interface ServiceWish {
  readonly prefixes: readonly string[]
  readonly decision: DecisionName
}

/**
 * The whole set that this node should originate. A prefix that several services share is announced as well as
 * the best of them wants it; `hold` keeps of its prefixes those in `current`, as they are.
 */
export function computeDesired(wishes: Iterable<ServiceWish>, current: Announcements): Announcements {
  const desired = new Map<string, Grade>()
  for (const { prefixes, decision } of wishes) {
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

/** Where what the neighbors were told differs from what was wanted; empty means: it is so. */
export function findDifferences(
  desired: Announcements,
  { originated, neighbors: states }: Observation,
  neighbors: readonly ManifestNeighbor[],
): string[] {
  const differences: string[] = []
  for (const [prefix, grade] of desired) {
    const found = originated.get(prefix)
    if (found === undefined) differences.push(`${prefix} is not originated`)
    else if (found !== grade) differences.push(`${prefix} is originated ${wordsOf[found]}`)
  }
  for (const prefix of originated.keys()) {
    if (!desired.has(prefix)) differences.push(`${prefix} is still originated`)
  }
  const byName = new Map(states.map((neighbor) => [neighbor.neighbor, neighbor]))
  for (const { name, prefixes } of neighbors) {
    const state = byName.get(name)
    if (state === undefined || state.session === 'missing') differences.push(`there is no session ${name}`)
    if (state?.session !== 'up') continue
    const { announced } = state
    for (const prefix of prefixes) {
      const grade = desired.get(prefix)
      if (grade === undefined) continue
      const found = announced.get(prefix)
      if (found === undefined) differences.push(`${name} was not told ${prefix}`)
      else if (found !== grade) differences.push(`${name} has ${prefix} ${wordsOf[found]}`)
    }
    for (const prefix of announced.keys()) {
      if (!desired.has(prefix)) differences.push(`${name} still has ${prefix}`)
    }
  }
  return differences
}

const wordsOf: Readonly<Record<Grade, string>> = { normal: 'as if all were well', degraded: 'degraded' }
