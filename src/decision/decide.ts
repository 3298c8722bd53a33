import { currentProblem, type HealthState } from '../health/health.ts'

/** What the operator wants of this node, whatever its health. */
export type Intent = 'serve' | 'drain' | 'withdraw'

export interface DecisionInput {
  readonly health: HealthState
  readonly intent: Intent
  /** The controller was told to stop. */
  readonly stopping: boolean
  readonly onStop: 'withdraw' | 'keep'
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

/** What to do about one service's prefixes, and why. Pure. */
export function decideAnnouncement({ health, intent, stopping, onStop }: DecisionInput): Decision {
  if (intent === 'withdraw') {
    return { decision: 'withdraw', reason: 'operator-withdrew', detail: 'withdrawn by the operator' }
  }
  if (intent === 'drain')
    return { decision: 'withdraw', reason: 'drained', detail: 'drained by the operator' }
  const problem = currentProblem(health)
  if (health.status === 'unhealthy') {
    return problem === null
      ? { decision: 'withdraw', reason: 'recovering', detail: 'good again, and not yet for long enough' }
      : { decision: 'withdraw', reason: problem.cause, detail: problem.detail }
  }
  if (stopping) {
    return onStop === 'keep'
      ? { decision: 'hold', reason: 'stopping-keep', detail: 'the controller stops, and onStop says keep' }
      : { decision: 'withdraw', reason: 'stopping', detail: 'the controller stops' }
  }
  if (health.status === 'unknown') {
    // A restart must not flap a healthy prefix, nor announce an endpoint that nobody has asked yet.
    return { decision: 'hold', reason: 'starting', detail: 'too few probes since the start to know' }
  }
  return { decision: 'announce', reason: 'healthy', detail: 'the endpoint serves' }
}
