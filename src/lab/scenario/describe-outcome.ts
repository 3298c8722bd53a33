import { sessionsOf } from '../readiness.ts'
import type { ClientState } from '../state.ts'
import { clientPatienceMs } from './client-outage.ts'
import type { LoggedDecision } from './controller-log.ts'
import type { Outage } from './ping-log.ts'
import type { Scenario, Stage } from './scenario.ts'
import type { Held, Watched } from './watch.ts'

export const isWithdrawal = ({ decision }: LoggedDecision): boolean => decision === 'withdraw'

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
  if (!scenario.needsBfd) return []
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

export function describeClient(
  client: ClientState,
  outage: Outage | null | undefined,
  lost: boolean,
): string {
  if (outage === undefined) {
    return lost
      ? `${client.name} has no replies after ${clientPatienceMs / 1000} s: WireGuard keeps its session with a site that still runs`
      : ''
  }
  if (outage === null) return `${client.name} lost nothing`
  return `${client.name} was back after ${(outage.durationMs / 1000).toFixed(1)} s`
}
