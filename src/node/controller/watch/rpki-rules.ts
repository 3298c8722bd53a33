import type { ValidationLook } from '../../routing/daemon.ts'

export interface RpkiRules {
  /**
   * bgpd 8.4.4 looks each 3 s whether its first cache has sent everything, and `match rpki` matches nothing
   * before that; a large set also takes its seconds to load.
   */
  readonly settleMs: number
  /** Judging a full table anew is seconds of work. */
  readonly leastMs: number
  /** Re-evaluates also where nothing seems to have changed, since a fingerprint can't see everything. */
  readonly mostMs: number
  /**
   * How long without any cache until the daemon is told to begin anew, each time twice as long. After a second
   * loss of the same cache rtrlib 0.8 never goes on to the next one, and after a boot it waits for `retry`.
   */
  readonly reconnectMs: number
  /** Whether routes are taken unvalidated when no cache has answered for too long. */
  readonly acceptsAtExpiry: boolean
}

interface RpkiState {
  /** What the routes were last judged by; `null`: by nothing that we know of. */
  readonly judged: { readonly key: string; readonly atMs: number } | null
  /** What was last seen, and since when it is just so. */
  readonly seen: { readonly key: string; readonly sinceMs: number } | null
}

export const unseen: RpkiState = { judged: null, seen: null }

/** Since when there is no cache, and how often the daemon was told to begin anew since then. */
export interface Loss {
  readonly sinceMs: number
  readonly attempts: number
}

const mostDoublings = 5

export function isReconnectDue(loss: Loss, nowMs: number, rules: RpkiRules): boolean {
  // With accept at expiry there is no last good set to begin anew with.
  if (rules.acceptsAtExpiry) return false
  return nowMs - loss.sinceMs >= rules.reconnectMs * 2 ** Math.min(loss.attempts, mostDoublings)
}

export type ReevaluationReason = 'first' | 'changed' | 'periodic'

/** Whether the daemon has to judge its routes anew now that it looks like that. */
export function judgeLook(
  state: RpkiState,
  look: ValidationLook,
  nowMs: number,
  rules: RpkiRules,
): { state: RpkiState; reevaluate: ReevaluationReason | null } {
  const key = `${look.cache} ${look.fingerprint}`
  const seen = state.seen?.key === key ? state.seen : { key, sinceMs: nowMs }
  // Even if it comes back with the same VRPs: a daemon that started anew took routes before it had any.
  const isLost = look.cache === null && state.judged !== null && state.judged.key !== key
  const judged = isLost ? { key: 'lost', atMs: state.judged.atMs } : state.judged
  const reason = judgeReason()
  if (reason === null) return { state: { judged, seen }, reevaluate: null }
  return { state: { judged: { key, atMs: nowMs }, seen }, reevaluate: reason }

  function judgeReason(): ReevaluationReason | null {
    // Without a cache there may be nothing to judge by: what is out stays out, unless the engineer wants it in.
    if (look.cache === null && (judged === null || !rules.acceptsAtExpiry)) return null
    if (nowMs - seen.sinceMs < rules.settleMs) return null
    if (judged === null) return 'first'
    if (nowMs - judged.atMs < rules.leastMs) return null
    if (judged.key !== key) return 'changed'
    return look.cache !== null && nowMs - judged.atMs >= rules.mostMs ? 'periodic' : null
  }
}
