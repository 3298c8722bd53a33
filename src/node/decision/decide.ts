import type { ManifestService } from '../../manifest/manifest.ts'
import { type AloneAction, sourceCheck } from '../../manifest/words.ts'
import { findCauseOfDeath, findImpairment } from '../health/problem.ts'
import type { HealthState } from '../health/state.ts'
import type { DrainStage } from './drain.ts'
import type { Intent } from './intent.ts'
import type { OtherAnnouncers } from './other-announcers.ts'
import type { PermitStanding } from './permit-standing.ts'

/** The inputs of a decision other than the health of the service. */
export interface DecisionContext {
  readonly intent: Intent
  /** The order to drain or to withdraw needs no permit. */
  readonly forced: boolean
  /** The stage of the drain, of the operator or the calendar. With `none`, an intent to drain withdraws at once. */
  readonly drainStage: DrainStage
  /** The controller is stopping. */
  readonly stopping: boolean
  /** Whether the daemon's configuration supports degraded announcements. */
  readonly degradable: boolean
  /** `null`: no source reports any. */
  readonly otherAnnouncers: OtherAnnouncers | null
  /** `null`: there is no store, and the other announcers are counted. */
  readonly permit: PermitStanding | null
  /** Why it is out of reach of other sites, as a sentence; `null`: it is not, or that is not to degrade it. */
  readonly outOfReach: string | null
}

export interface DecisionInput extends DecisionContext {
  readonly health: HealthState
  /** The service's rules in the manifest. */
  readonly service: Pick<ManifestService, 'onStop' | 'when' | 'minSites' | 'alone'>
}

/** `hold`: the daemon's announcement stays unchanged. */
export type DecisionName = 'announce' | 'degrade' | 'withdraw' | 'hold'

export interface Decision {
  readonly decision: DecisionName
  /**
   * Why the service is to be withdrawn, or would be with a permit: the controller asks for it, or reports the withdrawal
   * to the store. `null`: it is not to be withdrawn. What is degraded because other sites do not reach it needs a permit too.
   */
  readonly withdrawal: 'permit' | 'fact' | 'order' | null
  /** The reason code: the same word in the log, the metric and the status. */
  readonly reason: string
  /** The reason as a sentence. */
  readonly detail: string
}

type Reason = Pick<Decision, 'reason' | 'detail'>

/**
 * Decides about the prefixes of one service, with a reason. Pure. Precedence: the operator's withdrawal, a completed
 * drain, a dead endpoint, a stop of the controller, unknown health, a withdrawal of an impaired endpoint, a drain in
 * progress, an impaired endpoint, the return from a drain, an endpoint that other sites do not reach.
 */
export function decideAnnouncement(input: DecisionInput): Decision {
  const { health, intent, drainStage, stopping, service } = input
  if (intent === 'withdraw') return withdrawByOrder(input, operatorWithdrew)
  if (drainStage === 'drained' || (intent === 'drain' && drainStage === 'none')) {
    return withdrawByOrder(input, drained)
  }
  if (health.status === 'unhealthy') return decideDead(input)
  if (stopping) return service.onStop === 'keep' ? stay('hold', stoppingKeep) : withdraw('order', stopped)
  if (health.status === 'unknown') {
    // A restart must not flap a healthy prefix, nor announce an endpoint that has not been probed.
    const impairment = findImpairment(health)
    if (impairment !== null) return stay('hold', reasonOf(impairment))
    return stay('hold', health.heldUntil === null ? starting : reasonOfRecovery(health))
  }
  const impaired = health.status === 'impaired' ? decideImpaired(input) : null
  if (impaired !== null && impaired.withdrawal !== null) return impaired
  if (drainStage === 'degrading') return degrade(input, draining)
  if (impaired !== null) return impaired
  if (drainStage === 'returning') return degrade(input, returning)
  return input.outOfReach === null ? stay('announce', healthy) : decideOutOfReach(input, input.outOfReach)
}

/**
 * Only with a permit: a fault of what the observers have in common must not leave fewer than `minSites` sites that announce
 * normally. It never withdraws.
 */
function decideOutOfReach(input: DecisionInput, why: string): Decision {
  const decide = (decision: 'announce' | 'hold', detail: string): Decision => ({
    ...{ decision, withdrawal: 'permit', reason: 'out-of-reach' },
    detail: `${why}; ${detail}`,
  })
  const { permit } = input
  switch (permit?.standing) {
    case 'granted':
      return { ...degrade(input, { reason: 'out-of-reach', detail: why }), withdrawal: 'permit' }
    case 'none':
    case 'asking':
      return decide('hold', 'waiting for the permit to degrade')
    case 'refused':
      return decide('announce', `not degraded: ${describeRefusal(permit)}`)
    default:
      return decide('announce', 'not degraded: the store cannot be reached')
  }
}

function withdrawByOrder(input: DecisionInput, reason: Reason): Decision {
  const { permit, forced, stopping, health } = input
  if (permit === null || forced || stopping) return withdraw('order', reason)
  if (health.linkProblem !== null) return withdraw('fact', reason)
  return withdrawWithPermit(input, permit, reason, 'hold')
}

function decideDead(input: DecisionInput): Decision {
  const { health, service, stopping } = input
  const problem = findCauseOfDeath(health)
  const reason = problem === null ? reasonOfRecovery(health) : reasonOf(problem)
  // Without the interface or the address, the node would drop or loop the traffic that it attracts.
  if (health.linkProblem !== null) return withdraw('fact', reason)
  // Without a controller, no later change of its health would be detected.
  if (stopping) return withdraw('order', reason)
  if (service.when.dead === 'degrade' && input.degradable) return degrade(input, reason)
  return withdrawUnlessLast(input, reason, service.alone.dead)
}

function decideImpaired(input: DecisionInput): Decision {
  const { health, service } = input
  const problem = findImpairment(health)
  const reason = problem === null ? reasonOfRecovery(health) : reasonOf(problem)
  // The routes of the node are wrong in one respect: the endpoint serves.
  if (service.when.impaired === 'degrade' || problem?.check === sourceCheck) return degrade(input, reason)
  // Late probes of a busy machine are no proof that the endpoint fails, and only a proof withdraws.
  if (problem !== null && problem === health.starved) return stay('hold', reason)
  return withdrawUnlessLast(input, reason, service.alone.impaired)
}

/**
 * The last `minSites` sites keep announcing: if all of them fail at once, a fault of the probe or of a rollout is more
 * likely than a fault of every endpoint. They announce degraded, so that the first healthy site gets the traffic, and
 * because degraded announcements are not counted.
 */
function withdrawUnlessLast(input: DecisionInput, reason: Reason, alone: AloneAction): Decision {
  const { intent, drainStage, permit } = input
  if (permit !== null) return withdrawWithPermit(input, permit, reason, alone)
  const isOrdered = intent !== 'serve' || drainStage === 'degrading'
  return isOrdered ? withdraw('order', reason) : withdrawByCount(input, reason, 'withdraw')
}

function withdrawWithPermit(
  input: DecisionInput,
  permit: PermitStanding,
  reason: Reason,
  alone: AloneAction,
): Decision {
  switch (permit.standing) {
    case 'granted':
      return withdraw('permit', reason)
    case 'none':
    case 'asking':
      return {
        decision: 'hold',
        withdrawal: 'permit',
        reason: reason.reason,
        detail: `${reason.detail}; waiting for the permit to withdraw`,
      }
    case 'refused':
      return stayAsLast(input, reason, describeRefusal(permit))
    case 'unreachable':
      return withdrawByCount(input, reason, alone)
  }
}

function describeRefusal({ remaining, required }: PermitStanding & { standing: 'refused' }): string {
  const others = remaining === 1 ? '1 other site is well' : `${remaining} other sites are well`
  return `${others}, and minSites is ${required}`
}

/** @param alone what applies if no other announcers are seen over iBGP */
function withdrawByCount(input: DecisionInput, reason: Reason, alone: AloneAction): Decision {
  const { otherAnnouncers } = input
  const { minSites } = input.service
  if (otherAnnouncers === null) {
    if (alone === 'withdraw') return withdraw('permit', reason)
    const detail = `${reason.detail}; still announced: the store cannot be reached, and no other announcer is seen over iBGP`
    return { ...degrade(input, { reason: 'store-unreachable', detail }), withdrawal: 'permit' }
  }
  const { count } = otherAnnouncers
  if (count >= minSites) return withdraw('permit', reason)
  const others = count === 1 ? '1 other node announces it' : `${count} other nodes announce it`
  return stayAsLast(input, reason, `${others}, and minSites is ${minSites}`)
}

function stayAsLast(input: DecisionInput, { detail }: Reason, why: string): Decision {
  const reason = { reason: 'last-site', detail: `${detail}; still announced: ${why}` }
  return { ...degrade(input, reason), withdrawal: 'permit' }
}

function degrade({ degradable }: DecisionInput, { reason, detail }: Reason): Decision {
  if (degradable) return stay('degrade', { reason, detail })
  return stay('announce', {
    reason,
    detail: `${detail}; not degraded: the daemon's configuration does not support it`,
  })
}

function withdraw(withdrawal: NonNullable<Decision['withdrawal']>, reason: Reason): Decision {
  return { decision: 'withdraw', withdrawal, ...reason }
}

function stay(decision: Exclude<DecisionName, 'withdraw'>, reason: Reason): Decision {
  return { decision, withdrawal: null, ...reason }
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

const healthy: Reason = { reason: 'healthy', detail: 'the endpoint serves' }
const starting: Reason = { reason: 'starting', detail: 'too few probes since the start for a decision' }
const operatorWithdrew: Reason = {
  reason: 'operator-withdrew',
  detail: 'the operator ordered the withdrawal',
}
const drained: Reason = { reason: 'drained', detail: 'the drain ends with the withdrawal' }
const stoppingKeep: Reason = {
  reason: 'stopping-keep',
  detail: 'the controller stops, and onStop is keep',
}
const stopped: Reason = { reason: 'stopping', detail: 'the controller stops' }
