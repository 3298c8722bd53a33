import type { ManifestService } from '../../manifest/manifest.ts'
import { findCauseOfDeath, findImpairment } from '../health/problem.ts'
import type { HealthState } from '../health/state.ts'
import type { DrainStage } from './drain.ts'
import type { Intent } from './intent.ts'
import type { OtherAnnouncers } from './other-announcers.ts'

/** The inputs of a decision other than the health of the service. */
export interface DecisionContext {
  readonly intent: Intent
  /** The stage of the drain, of the operator or the calendar. With `none`, an intent to drain withdraws at once. */
  readonly drainStage: DrainStage
  /** The controller is stopping. */
  readonly stopping: boolean
  /** Whether the daemon's configuration supports degraded announcements. */
  readonly degradable: boolean
  /** `null`: no source reports any. */
  readonly otherAnnouncers: OtherAnnouncers | null
}

export interface DecisionInput extends DecisionContext {
  readonly health: HealthState
  /** The service's rules in the manifest. */
  readonly service: Pick<ManifestService, 'onStop' | 'when' | 'minSites'>
}

/** `hold`: the daemon's announcement stays unchanged. */
export type DecisionName = 'announce' | 'degrade' | 'withdraw' | 'hold'

export interface Decision {
  readonly decision: DecisionName
  /** The reason code: the same word in the log, the metric and the status. */
  readonly reason: string
  /** The reason as a sentence. */
  readonly detail: string
}

type Reason = Omit<Decision, 'decision'>

/**
 * Decides about the prefixes of one service, with a reason. Pure. Precedence: the operator's withdrawal, a completed
 * drain, a dead endpoint, a stop of the controller, unknown health, a withdrawal of an impaired endpoint, a drain in
 * progress, an impaired endpoint, the return from a drain.
 */
export function decideAnnouncement(input: DecisionInput): Decision {
  const { health, intent, drainStage, stopping, service } = input
  if (intent === 'withdraw') return operatorWithdrew
  if (drainStage === 'drained' || (intent === 'drain' && drainStage === 'none')) return drained
  if (health.status === 'unhealthy') return decideDead(input)
  if (stopping) return service.onStop === 'keep' ? stoppingKeep : stoppingWithdraw
  if (health.status === 'unknown') {
    // A restart must not flap a healthy prefix, nor announce an endpoint that has not been probed.
    const impairment = findImpairment(health)
    if (impairment !== null) return { decision: 'hold', ...reasonOf(impairment) }
    return health.heldUntil === null ? starting : { decision: 'hold', ...reasonOfRecovery(health) }
  }
  const impaired = health.status === 'impaired' ? decideImpaired(input) : null
  if (impaired?.decision === 'withdraw') return impaired
  if (drainStage === 'degrading') return degrade(input, draining)
  if (impaired !== null) return impaired
  return drainStage === 'returning' ? degrade(input, returning) : announceHealthy
}

function decideDead(input: DecisionInput): Decision {
  const { health, service, stopping } = input
  const problem = findCauseOfDeath(health)
  const reason = problem === null ? reasonOfRecovery(health) : reasonOf(problem)
  // Without the interface or the address, the node would drop or loop the traffic that it attracts.
  if (health.linkProblem !== null) return { decision: 'withdraw', ...reason }
  // Without a controller, no later change of its health would be detected.
  if (stopping) return { decision: 'withdraw', ...reason }
  if (service.when.dead === 'degrade' && input.degradable) return degrade(input, reason)
  return withdrawUnlessLast(input, reason)
}

function decideImpaired(input: DecisionInput): Decision {
  const { health, service } = input
  const problem = findImpairment(health)
  const reason = problem === null ? reasonOfRecovery(health) : reasonOf(problem)
  if (service.when.impaired === 'degrade') return degrade(input, reason)
  // Late probes of a busy machine are no proof that the endpoint fails, and only a proof withdraws.
  if (problem !== null && problem === health.starved) return { decision: 'hold', ...reason }
  return withdrawUnlessLast(input, reason)
}

/**
 * The last `minSites` sites keep announcing: if all of them fail at once, a fault of the probe or of a rollout is more
 * likely than a fault of every endpoint. They announce degraded, so that the first healthy site gets the traffic, and
 * because degraded announcements are not counted.
 */
function withdrawUnlessLast(input: DecisionInput, reason: Reason): Decision {
  const { intent, drainStage, otherAnnouncers } = input
  const { minSites } = input.service
  const isOrdered = intent !== 'serve' || drainStage === 'degrading'
  if (isOrdered || otherAnnouncers === null || otherAnnouncers.count >= minSites)
    return { decision: 'withdraw', ...reason }
  const { count } = otherAnnouncers
  const others = count === 1 ? '1 other node announces it' : `${count} other nodes announce it`
  const detail = `${reason.detail}; still announced: ${others}, and minSites is ${minSites}`
  return degrade(input, { reason: 'last-site', detail })
}

function degrade({ degradable }: DecisionInput, { reason, detail }: Reason): Decision {
  if (degradable) return { decision: 'degrade', reason, detail }
  return {
    decision: 'announce',
    reason,
    detail: `${detail}; not degraded: the daemon's configuration does not support it`,
  }
}

function reasonOf({ cause, detail }: { cause: string; detail: string }): Reason {
  return { reason: cause, detail }
}

function reasonOfRecovery({ flaps }: HealthState): Reason {
  if (flaps.count === 0) return recovering
  const times = flaps.count === 1 ? 'a flap' : `${flaps.count} flaps`
  return {
    reason: 'hold-down',
    detail: `the endpoint serves again, but after ${times} not yet for long enough`,
  }
}

const recovering: Reason = {
  reason: 'recovering',
  detail: 'the endpoint serves again, but not yet for long enough',
}
const draining: Reason = {
  reason: 'draining',
  detail: 'draining: degraded until the traffic has gone, or the limit is reached',
}
const returning: Reason = { reason: 'returning', detail: 'returning from a drain: degraded for a while' }

const announceHealthy: Decision = { decision: 'announce', reason: 'healthy', detail: 'the endpoint serves' }
const starting: Decision = {
  decision: 'hold',
  reason: 'starting',
  detail: 'too few probes since the start for a decision',
}
const operatorWithdrew: Decision = {
  decision: 'withdraw',
  reason: 'operator-withdrew',
  detail: 'withdrawn by the operator',
}
const drained: Decision = { decision: 'withdraw', reason: 'drained', detail: 'drained' }
const stoppingKeep: Decision = {
  decision: 'hold',
  reason: 'stopping-keep',
  detail: 'the controller stops, and onStop is keep',
}
const stoppingWithdraw: Decision = {
  decision: 'withdraw',
  reason: 'stopping',
  detail: 'the controller stops',
}
