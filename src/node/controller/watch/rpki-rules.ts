import type { ValidationLook } from '../../routing/daemon.ts'

export interface RpkiRules {
  /**
   * bgpd 8.4.4 checks every 3 s whether its first cache has sent all VRPs, and `match rpki` matches nothing before that.
   * A large set also takes some seconds to load.
   */
  readonly settleMs: number
  /** A new validation of a full table takes seconds. */
  readonly leastMs: number
  /** Re-evaluates also without a visible change: the fingerprint does not cover everything. */
  readonly mostMs: number
  /**
   * How long without a cache until the daemon must reset its connections; doubles each time. After a second loss of the
   * same cache, rtrlib 0.8 never tries the next one, and after a boot it waits for `retry`.
   */
  readonly reconnectMs: number
  /** Whether routes are accepted without validation after the VRPs have expired. */
  readonly acceptsAtExpiry: boolean
}

interface RpkiState {
  /** The VRPs with which the routes were last validated; `null`: unknown. */
  readonly judged: { readonly key: string; readonly atMs: number } | null
  /** The last observed VRPs, and since when they are unchanged. */
  readonly seen: { readonly key: string; readonly sinceMs: number } | null
}

export const unseen: RpkiState = { judged: null, seen: null }

/** Since when there is no cache, and how often the connections were reset since then. */
export interface Loss {
  readonly sinceMs: number
  readonly attempts: number
}

const mostDoublings = 5

export function isReconnectDue(loss: Loss, nowMs: number, rules: RpkiRules): boolean {
  // With `accept` at expiry there is no last good set to reconnect for.
  if (rules.acceptsAtExpiry) return false
  return nowMs - loss.sinceMs >= rules.reconnectMs * 2 ** Math.min(loss.attempts, mostDoublings)
}

export type ReevaluationReason = 'first' | 'changed' | 'periodic'

/** Whether the daemon must validate its routes again after this observation. */
export function judgeLook(
  state: RpkiState,
  look: ValidationLook,
  nowMs: number,
  rules: RpkiRules,
): { state: RpkiState; reevaluate: ReevaluationReason | null } {
  const key = `${look.cache} ${look.fingerprint}`
  const seen = state.seen?.key === key ? state.seen : { key, sinceMs: nowMs }
  // Also if the same VRPs come back: a restarted daemon accepts routes before it has VRPs.
  const isLost = look.cache === null && state.judged !== null && state.judged.key !== key
  const judged = isLost ? { key: 'lost', atMs: state.judged.atMs } : state.judged
  const reason = judgeReason()
  if (reason === null) return { state: { judged, seen }, reevaluate: null }
  return { state: { judged: { key, atMs: nowMs }, seen }, reevaluate: reason }

  function judgeReason(): ReevaluationReason | null {
    // Without a cache there may be no VRPs: rejected routes stay rejected, unless `atExpiry` is `accept`.
    if (look.cache === null && (judged === null || !rules.acceptsAtExpiry)) return null
    if (nowMs - seen.sinceMs < rules.settleMs) return null
    if (judged === null) return 'first'
    if (nowMs - judged.atMs < rules.leastMs) return null
    if (judged.key !== key) return 'changed'
    return look.cache !== null && nowMs - judged.atMs >= rules.mostMs ? 'periodic' : null
  }
}
