/** When a controller's parts last moved; times in the clock's milliseconds. */
interface Pulse {
  readonly services: readonly ProbePulse[]
  /** When the reconciler last began or ended a step, also one that failed: a dead daemon is no dead controller. */
  readonly reconcilerStepAt: number
}

interface ProbePulse {
  readonly service: string
  readonly intervalMs: number
  /** When its probe loop last began a cycle. */
  readonly cycleBeganAt: number
}

const limit = {
  /** Of its probe intervals; a second at least, for a machine that is busy with other things. */
  cycles: 3,
  probeLeastMs: 1000,
  /**
   * A resync or the longest pause before a retry is 1 s, a change may take 0.4 s to be carried out, and one
   * reply of the daemon 1 s; twice that, for an observation is several replies.
   */
  reconcilerMs: 5000,
} as const

/** The services for which the controller really works now: what it may vouch for. */
export function findLiving({ services, reconcilerStepAt }: Pulse, now: number): string[] {
  if (now - reconcilerStepAt > limit.reconcilerMs) return []
  return services
    .filter(
      ({ intervalMs, cycleBeganAt }) =>
        now - cycleBeganAt <= Math.max(limit.cycles * intervalMs, limit.probeLeastMs),
    )
    .map(({ service }) => service)
}
