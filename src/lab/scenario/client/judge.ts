import type { Scenario, Stage } from '../scenario.ts'
import { type Arrival, clientPatienceMs } from './client-watch.ts'

/** A fifth of what WireGuard's own timers take (WireGuard paper, section 6.5), so that a busy machine does not fail the scenario. */
const rescueLimitMs = 3000

/** How long the client may be without replies; `null`: as long as it takes. */
export function clientLimitMs(scenario: Scenario, stage: Stage): number | null {
  const { rescue } = stage.manifest
  if (scenario.clientReturns === 'with-repair') return null
  if (rescue === null) return scenario.client === undefined ? null : clientPatienceMs
  return rescueLimitMs + (scenario.serves ? 0 : scenario.boundOf(stage).limitMs)
}

/** @param limitMs of `clientLimitMs` */
export function judgeClient(name: string, arrivals: readonly Arrival[], limitMs: number | null): string[] {
  if (limitMs === null) return []
  return arrivals.flatMap((arrival) => {
    if (arrival.kind === 'stays') return [`${name} was to be served by another node, and was not`]
    if (arrival.kind === 'dark') return [`${name} had no replies for ${clientPatienceMs / 1000} s`]
    const darkMs = arrival.outage?.durationMs ?? 0
    return darkMs > limitMs ? [`${name} had no replies for more than ${Math.round(limitMs)} ms`] : []
  })
}
