import { sessionsOf } from '../readiness.ts'
import { type Arrival, clientPatienceMs } from './client/client-watch.ts'
import { isWithdrawal, type LoggedDecision } from './controller-log.ts'
import type { Scenario, Stage } from './scenario.ts'
import type { Held, Watched } from './watch.ts'

/** Also of a controller that does not withdraw: the last announcer is degraded, and its reason is `last-site`. */
export function describeDecisions(decisions: readonly LoggedDecision[], struckAtEpochMs: number): string[] {
  const withdrawal = decisions.find(isWithdrawal)
  const others = decisions
    .filter((decision) => decision !== withdrawal)
    .map(
      ({ decision, reason, decidedAt }) =>
        `${decision} (${reason}) after ${((decidedAt - struckAtEpochMs) / 1000).toFixed(1)} s`,
    )
  if (withdrawal !== undefined) return [...others, `${withdrawal.reason}: ${withdrawal.message}`]
  return [...others, `the controller ${others.length === 0 ? 'made no decision' : 'did not withdraw'}`]
}

/** Without BFD an unreachable node keeps its routes until the hold timer expires, minutes later. */
export function describeUnwatched(stage: Stage, scenario: Scenario, held: readonly Held[]): string[] {
  if (scenario.needs !== 'bfd') return []
  const others = sessionsOf(stage.state, stage.node.name)
    .map(({ router }) => router.name)
    .filter((name) => held.every(({ router }) => router.name !== name))
  return others.length === 0 ? [] : [`without BFD, and not waited for: ${others.join(', ')}`]
}

export function describeStuck(watched: readonly Watched[], verb: string): string[] {
  return watched
    .filter(({ afterMs }) => afterMs === null)
    .map(({ held, present }) => `${held.router.name} ${verb} ${present.join(', ') || 'none'}`)
}

/** @param way such as `at another site` */
export function describeArrival(name: string, way: string, arrival: Arrival): string {
  if (arrival.kind === 'dark') return `${name} had no replies for ${clientPatienceMs / 1000} s`
  if (arrival.kind === 'stays') return `${name} is not served ${way}`
  if (arrival.outage === null) return `${name} was ${way} without a lost packet`
  const { durationMs, packetsLost } = arrival.outage
  return `${name} was ${way} after ${(durationMs / 1000).toFixed(2)} s and ${packetsLost} lost packets`
}
