/** What one node sees of the endpoint of another. Times are of its monotonic clock. */
export interface Sight {
  /** `null`: not known yet. */
  readonly reached: boolean | null
  /** Results in a row that contradict it. */
  readonly against: number
  /** Of the last result; `null`: none yet. */
  readonly atMs: number | null
}

/** `inconclusive`: it says nothing of the other end, as when this machine had no CPU time. */
export type SightResult = 'good' | 'bad' | 'inconclusive'

export const unseen: Sight = { reached: null, against: 0, atMs: null }

/** Lost packets are no failure of the endpoint. */
export const fall = 3
/** Before an endpoint that was not reached counts as reached again. */
export const rise = 2
/** An observer that has not probed for so many intervals says nothing. */
const intervalsKept = 4

export function reduceSight(sight: Sight, result: SightResult, nowMs: number): Sight {
  if (result === 'inconclusive') return sight
  const { reached } = sight
  if (result === 'good') {
    const against = reached === false ? sight.against + 1 : 0
    return against > 0 && against < rise
      ? { reached, against, atMs: nowMs }
      : { reached: true, against: 0, atMs: nowMs }
  }
  const against = reached === false ? 0 : sight.against + 1
  return against >= fall ? { reached: false, against: 0, atMs: nowMs } : { reached, against, atMs: nowMs }
}

/** `null`: not known, or no longer. */
export function readSight({ reached, atMs }: Sight, nowMs: number, intervalMs: number): boolean | null {
  return atMs === null || nowMs - atMs > intervalsKept * intervalMs ? null : reached
}
