import type { ManifestService } from '../../manifest/manifest.ts'
import { findCauseOfDeath, findImpairment } from '../health/problem.ts'
import type { HealthState } from '../health/state.ts'
import type { DrainStage } from './drain.ts'
import type { Intent } from './intent.ts'
import type { OtherAnnouncers } from './other-announcers.ts'

/** What is decided about a service, beside its health. */
export interface DecisionContext {
  readonly intent: Intent
  /** How far a drain has got, whoever ordered it; with `none`, an intent to drain withdraws at once. */
  readonly drainStage: DrainStage
  /** The controller was told to stop. */
  readonly stopping: boolean
  /** Whether the daemon's configuration knows degraded announcements. */
  readonly degradable: boolean
  /** `null`: no source knows of any. */
  readonly otherAnnouncers: OtherAnnouncers | null
}

export interface DecisionInput extends DecisionContext {
  readonly health: HealthState
  /** What the manifest says of the service. */
  readonly service: Pick<ManifestService, 'onStop' | 'when' | 'minSites'>
}

/** `hold`: leave what the daemon announces as it is. */
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
 * What to do about one service's prefixes, and why. Pure. The order is the rule: the operator's withdrawal, then
 * death, then a stop, then what is not known yet, then a drain under way, then what impairs.
 */
export function decideAnnouncement(input: DecisionInput): Decision {
  const { health, intent, drainStage, stopping, service } = input
  if (intent === 'withdraw') return operatorWithdrew
  if (drainStage === 'drained' || (intent === 'drain' && drainStage === 'none')) return drained
  if (health.status === 'unhealthy') return decideDead(input)
  if (stopping) return service.onStop === 'keep' ? stoppingKeep : stoppingWithdraw
  if (health.status === 'unknown') {
    // A restart must not flap a healthy prefix, nor announce an endpoint that nobody has asked yet.
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
  // Without its interface or its address the node would swallow, or send round in circles, whatever it attracts.
  if (health.linkProblem !== null) return { decision: 'withdraw', ...reason }
  // At rest nobody would notice that it is back, or that it is worse.
  if (stopping) return { decision: 'withdraw', ...reason }
  if (service.when.dead === 'degrade' && input.degradable) return degrade(input, reason)
  return withdrawUnlessLast(input, reason)
}

function decideImpaired(input: DecisionInput): Decision {
  const { health, service } = input
  const problem = findImpairment(health)
  const reason = problem === null ? reasonOfRecovery(health) : reasonOf(problem)
  if (service.when.impaired === 'degrade') return degrade(input, reason)
  // That this machine is late proves nothing against the endpoint, and without a proof nothing is withdrawn.
  if (problem !== null && problem === health.starved) return { decision: 'hold', ...reason }
  return withdrawUnlessLast(input, reason)
}

/**
 * The last sites keep announcing: when all look dead at once, the probe or a rollout is likelier at fault than every
 * endpoint. Degraded, so that the first one that is well again gets the traffic, and is counted by the others while
 * these are not.
 */
function withdrawUnlessLast(input: DecisionInput, reason: Reason): Decision {
  const { intent, drainStage, otherAnnouncers } = input
  const { minSites } = input.service
  const isOrdered = intent !== 'serve' || drainStage === 'degrading'
  if (isOrdered || otherAnnouncers === null || otherAnnouncers.count >= minSites)
    return { decision: 'withdraw', ...reason }
  const { count } = otherAnnouncers
  const others = count === 1 ? '1 other node announces it' : `${count} other nodes announce it`
  const detail = `${reason.detail}; announced all the same, for ${others} and minSites is ${minSites}`
  return degrade(input, { reason: 'last-site', detail })
}

function degrade({ degradable }: DecisionInput, { reason, detail }: Reason): Decision {
  if (degradable) return { decision: 'degrade', reason, detail }
  return {
    decision: 'announce',
    reason,
    detail: `${detail}; not degraded, for the daemon's configuration can't`,
  }
}

function reasonOf({ cause, detail }: { cause: string; detail: string }): Reason {
  return { reason: cause, detail }
}

function reasonOfRecovery({ flaps }: HealthState): Reason {
  if (flaps.count === 0) return recovering
  const times = flaps.count === 1 ? 'a flap' : `${flaps.count} flaps`
  return { reason: 'hold-down', detail: `back, and after ${times} not yet good for long enough` }
}

const recovering: Reason = { reason: 'recovering', detail: 'back, and not yet good for long enough' }
const draining: Reason = {
  reason: 'draining',
  detail: 'to be drained: degraded until the traffic has gone, or its time is up',
}
const returning: Reason = { reason: 'returning', detail: 'back from a drain: degraded for some time yet' }

const announceHealthy: Decision = { decision: 'announce', reason: 'healthy', detail: 'the endpoint serves' }
const starting: Decision = {
  decision: 'hold',
  reason: 'starting',
  detail: 'too few probes since the start to know',
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
  detail: 'the controller stops, and onStop says keep',
}
const stoppingWithdraw: Decision = {
  decision: 'withdraw',
  reason: 'stopping',
  detail: 'the controller stops',
}
