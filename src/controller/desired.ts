import type { DecisionName } from '../decision/decide.ts'
import type { ManifestNeighbor } from '../planner/manifest.ts'
import type { Observation } from '../routing/daemon.ts'

export interface ServiceWish {
  readonly prefixes: readonly string[]
  readonly decision: DecisionName
}

/**
 * The whole set that this node should originate. A prefix that several services share stays as long as any
 * of them wants it; `hold` keeps of its prefixes those in `originated`.
 */
export function computeDesired(
  wishes: Iterable<ServiceWish>,
  originated: ReadonlySet<string>,
): ReadonlySet<string> {
  const desired = new Set<string>()
  for (const { prefixes, decision } of wishes) {
    if (decision === 'withdraw') continue
    for (const prefix of prefixes) {
      if (decision === 'announce' || originated.has(prefix)) desired.add(prefix)
    }
  }
  return desired
}

/** Where what the neighbors were told differs from what was wanted; empty means: it is so. */
export function findDifferences(
  desired: ReadonlySet<string>,
  observed: Observation,
  neighbors: readonly ManifestNeighbor[],
): string[] {
  const differences: string[] = []
  const originated = new Set(observed.originated)
  for (const prefix of desired) if (!originated.has(prefix)) differences.push(`${prefix} is not originated`)
  for (const prefix of originated) if (!desired.has(prefix)) differences.push(`${prefix} is still originated`)
  const byName = new Map(observed.neighbors.map((neighbor) => [neighbor.neighbor, neighbor]))
  for (const { name, prefixes } of neighbors) {
    const state = byName.get(name)
    if (state === undefined || state.session === 'missing') differences.push(`there is no session ${name}`)
    if (state?.session !== 'up') continue
    const announced = new Set(state.announced)
    for (const prefix of prefixes) {
      if (desired.has(prefix) && !announced.has(prefix)) differences.push(`${name} was not told ${prefix}`)
    }
    for (const prefix of announced) {
      if (!desired.has(prefix)) differences.push(`${name} still has ${prefix}`)
    }
  }
  return differences
}
