import { type Asking, claimPermit, judgeRequest, type PermitTransaction, type PermitView } from './request.ts'

/** A node's request for the permit to withdraw one service. Times are of its monotonic clock, in ms. */
export type PermitState =
  | { readonly phase: 'none' }
  /** One transaction by what the node has watched, so that a withdrawal waits for one answer. */
  | Pending<'claiming'>
  /** Its entry must say that it is not well before it asks: otherwise others could count it until it withdraws. */
  | Pending<'publishing'>
  | Pending<'reading'>
  | Pending<'committing'>
  | { readonly phase: 'granted'; readonly nonce: string; readonly actBeforeMs: number }
  | { readonly phase: 'refused'; readonly remaining: number; readonly required: number }
  /** The store has not answered in time: the rules of a node alone apply. */
  | { readonly phase: 'unreachable' }

interface Pending<Phase extends string> {
  readonly phase: Phase
  readonly nonce: string
  /** Before the request that the phase waits for was sent. */
  readonly sentAtMs: number
  /** By when the store must have answered. */
  readonly endsAtMs: number
  /** By when the request must have been granted or refused. */
  readonly lastEndsAtMs: number
}

export type PermitEvent =
  | {
      readonly event: 'ask'
      readonly nonce: string
      /** What the node has watched; `null`: it has seen nothing, or does not know its own entry. */
      readonly watched: PermitView | null
      readonly nowMs: number
    }
  /** The store has the node's entry, which says that it is not well. */
  | { readonly event: 'published'; readonly nowMs: number }
  | { readonly event: 'read'; readonly view: PermitView; readonly nowMs: number }
  | { readonly event: 'committed'; readonly nowMs: number }
  /** A compared value was another one: nothing was written. */
  | { readonly event: 'conflict'; readonly nowMs: number }
  /** No reply: whether the store executes the request, or will, is unknown. */
  | { readonly event: 'unknown'; readonly nowMs: number }
  /** The wish has ended: the endpoint serves again, or the permit was returned. */
  | { readonly event: 'end' }

export type PermitEffect =
  /** The transaction, together with the node's entry, which then says that it is not well. */
  | { readonly effect: 'claim'; readonly transaction: PermitTransaction }
  | { readonly effect: 'publish' }
  | { readonly effect: 'read' }
  | { readonly effect: 'commit'; readonly transaction: PermitTransaction }

export interface PermitTimes {
  /** Without an answer for so long, the store counts as unreachable. */
  readonly answerWithinMs: number
  /** How long a request may take in all, while there are answers: over long distances, or with many that ask. */
  readonly inAllWithinMs: number
  /**
   * A granted withdrawal may begin this long after its last request was sent, not after the reply: a process that was
   * stopped in between must ask again. BIRD and FRR cannot check a fencing token.
   */
  readonly actWithinMs: number
}

interface Step {
  readonly state: PermitState
  readonly effect: PermitEffect | null
}

/** The next state, and what to ask the store. Events that the phase does not wait for change nothing. */
export function stepPermit(state: PermitState, event: PermitEvent, asking: Asking, times: PermitTimes): Step {
  if (event.event === 'end') return rest({ phase: 'none' })
  if (event.event === 'ask') {
    const { nonce, nowMs, watched } = event
    const endsAtMs = nowMs + times.answerWithinMs
    const lastEndsAtMs = nowMs + times.inAllWithinMs
    const pending = { nonce, sentAtMs: nowMs, endsAtMs, lastEndsAtMs }
    const transaction = watched === null ? null : claimPermit(watched, asking, nonce)
    return transaction === null
      ? publish(pending, nowMs)
      : { state: { ...pending, phase: 'claiming' }, effect: { effect: 'claim', transaction } }
  }
  if (!isPending(state)) return rest(state)
  if (event.nowMs >= state.endsAtMs) return rest({ phase: 'unreachable' })
  const { nonce } = state
  /** The same request after an answer. */
  const answered = { ...state, endsAtMs: Math.min(event.nowMs + times.answerWithinMs, state.lastEndsAtMs) }
  const granted = { phase: 'granted', nonce, actBeforeMs: state.sentAtMs + times.actWithinMs } as const
  switch (event.event) {
    case 'published':
      return state.phase === 'publishing' ? read(answered, event.nowMs) : rest(state)
    case 'read': {
      if (state.phase !== 'reading') return rest(state)
      const verdict = judgeRequest(event.view, asking, nonce)
      if (verdict.verdict === 'granted') return rest(granted)
      if (verdict.verdict === 'refused') {
        const { remaining, required } = verdict
        return rest({ phase: 'refused', remaining, required })
      }
      const { transaction } = verdict
      return {
        state: { ...answered, phase: 'committing', sentAtMs: event.nowMs },
        effect: { effect: 'commit', transaction },
      }
    }
    case 'committed':
      return rest(state.phase === 'committing' || state.phase === 'claiming' ? granted : state)
    case 'conflict':
      // Its entry first: it is compared too, and the store may have another one than the node knows.
      return state.phase === 'reading' ? rest(state) : publish(answered, event.nowMs)
    case 'unknown':
      // What was written is seen by reading: the register has the nonce of this request, or it has not.
      return state.phase === 'publishing' || state.phase === 'claiming'
        ? publish(state, event.nowMs)
        : read(state, event.nowMs)
  }
}

const pendingPhases: readonly string[] = ['claiming', 'publishing', 'reading', 'committing']

function isPending(state: PermitState): state is Extract<PermitState, Pending<string>> {
  return pendingPhases.includes(state.phase)
}

/** Whether a withdrawal may begin now. */
export function mayWithdraw(state: PermitState, nowMs: number): boolean {
  return state.phase === 'granted' && nowMs < state.actBeforeMs
}

type Course = Omit<Pending<string>, 'phase'>

function publish({ nonce, endsAtMs, lastEndsAtMs }: Course, nowMs: number): Step {
  const state = { phase: 'publishing', nonce, sentAtMs: nowMs, endsAtMs, lastEndsAtMs } as const
  return { state, effect: { effect: 'publish' } }
}

function read({ nonce, endsAtMs, lastEndsAtMs }: Course, nowMs: number): Step {
  const state = { phase: 'reading', nonce, sentAtMs: nowMs, endsAtMs, lastEndsAtMs } as const
  return { state, effect: { effect: 'read' } }
}

function rest(state: PermitState): Step {
  return { state, effect: null }
}
