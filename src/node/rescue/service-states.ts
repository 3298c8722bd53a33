import type { ServiceState } from '../../fleet/roster/link.ts'
import type { Observation } from '../routing/daemon.ts'
import { isWithdrawn } from '../routing/withdrawn.ts'

/** What a node says of a service to the others: `draining` is one that all of its neighbors have degraded. */
export function stateOf(observation: Observation, prefixes: readonly string[]): ServiceState {
  if (isWithdrawn(observation, prefixes)) return 'withdrawn'
  const isNormal = observation.neighbors.some(({ announced }) =>
    prefixes.some((prefix) => announced.get(prefix) === 'normal'),
  )
  return isNormal ? 'announcing' : 'draining'
}
