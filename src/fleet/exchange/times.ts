import type { MemberTimes } from './fleet-member.ts'

/** Of the exchange, for this time between two beats of a node. */
export const timesFor = (beatEveryMs: number): MemberTimes => ({
  // Where the store hangs, a dead endpoint is withdrawn later by this and by the next step of the controller: 250 ms in all.
  answerWithinMs: 200,
  inAllWithinMs: 5000,
  actWithinMs: 2000,
  callWithinMs: 1000,
  retryMs: 1000,
  beatEveryMs,
  // Only where beats are rarer, because many nodes write them: a permit compares the beats that its node has seen.
  readBeatsEveryMs: beatEveryMs > 1000 ? beatEveryMs : null,
  staleAfterMs: 3.5 * beatEveryMs,
  statusEveryMs: 30 * beatEveryMs,
})
