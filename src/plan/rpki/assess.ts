/** Whether a set of VRPs is one to act on. */
type Assessment =
  | { readonly outcome: 'accepted' }
  | {
      readonly outcome: 'refused'
      readonly reason: 'empty' | 'expired' | 'old' | 'shrank'
      /** Ends a sentence that begins with the file's name. */
      readonly problem: string
    }

/** A set that lost more of the last one than that lost it to a fault: a trust anchor that was not reached. */
const mostLostPercent = 10

/**
 * Compares a set with the last good one. Both count only the VRPs that are valid now.
 * @param generatedMs when the validator made it, in ms since 1970; `null`: unknown, so it cannot be too old
 */
export function assessVrps(
  candidate: { readonly size: number; readonly expired?: number; readonly generatedMs: number | null },
  lastGood: { readonly size: number } | null,
  nowMs: number,
  maxAgeMs: number,
): Assessment {
  const { size, expired = 0, generatedMs } = candidate
  const refused = (reason: 'empty' | 'expired' | 'old' | 'shrank', problem: string) =>
    ({ outcome: 'refused', reason, problem }) as const
  if (size === 0 && expired > 0) {
    return refused('expired', `has no VRPs that are still valid: all ${formatCount(expired)} have expired`)
  }
  if (size === 0) return refused('empty', 'has no VRPs')
  if (generatedMs !== null && nowMs - generatedMs > maxAgeMs) {
    return refused(
      'old',
      `is ${formatSpan(nowMs - generatedMs)} old, and ${formatSpan(maxAgeMs)} is the limit`,
    )
  }
  const lostPercent = lastGood === null ? 0 : ((lastGood.size - size) * 100) / lastGood.size
  if (lastGood !== null && lostPercent > mostLostPercent) {
    return refused(
      'shrank',
      `has ${formatCount(size)} VRPs, ${Math.floor(lostPercent)} % fewer than the ${formatCount(lastGood.size)} of the last good one`,
    )
  }
  return { outcome: 'accepted' }
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** In the largest unit of which there are two, rounded down. */
export function formatSpan(ms: number): string {
  const [unit, name] =
    ms >= 2 * 86_400_000
      ? [86_400_000, 'days']
      : ms >= 2 * 3_600_000
        ? [3_600_000, 'hours']
        : ms >= 120_000
          ? [60_000, 'minutes']
          : [1000, 'seconds']
  return `${Math.floor(ms / unit)} ${name}`
}
