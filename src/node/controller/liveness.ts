/** The last activity of a controller's parts, in the clock's milliseconds. */
interface Pulse {
  readonly services: readonly ProbePulse[]
  /** When the reconciler last began or ended a step. A failed step counts: a dead daemon does not mean a dead controller. */
  readonly reconcilerStepAt: number
}

interface ProbePulse {
  readonly service: string
  readonly intervalMs: number
  /** When its probe loop last began a cycle. */
  readonly cycleBeganAt: number
}

const limit = {
  /** In probe intervals; at least a second, for a busy machine. */
  cycles: 3,
  probeLeastMs: 1000,
  /**
   * A resync or the longest pause before a retry is 1 s, a change may take 0.4 s to be carried out, and one
   * reply of the daemon 1 s; twice that, for an observation is several replies.
   */
  reconcilerMs: 5000,
} as const

/** The services that the controller really probes and reconciles now: those that it may renew at the guard. */
export function findLiving({ services, reconcilerStepAt }: Pulse, now: number): string[] {
  if (now - reconcilerStepAt > limit.reconcilerMs) return []
  return services
    .filter(
      ({ intervalMs, cycleBeganAt }) =>
        now - cycleBeganAt <= Math.max(limit.cycles * intervalMs, limit.probeLeastMs),
    )
    .map(({ service }) => service)
}
