import type { Clock } from '../../../clock/clock.ts'
import type { HolderCause } from '../../../fleet/permit/register.ts'
import type { PermitState } from '../../../fleet/permit/state.ts'
import type { Decision } from '../../decision/decide.ts'
import type { PermitStanding } from '../../decision/permit-standing.ts'

/** What a node says of one service in the store, and its permit to withdraw it. No call rejects or throws. */
export interface ServicePermit {
  /** Resolves in time, with `none` if another of these calls has come meanwhile. */
  ask(reason: string): Promise<PermitState>
  /** Whether a withdrawal may begin now. */
  mayWithdraw(): boolean
  /** It announces normally, by its neighbors' tables, and its endpoint serves: the permit is returned. */
  sayWell(): void
  sayNotWell(): void
  /** A withdrawal that needs no permit. */
  reportWithdrawal(cause: Exclude<HolderCause, 'permit'>, reason: string): void
}

/** Between two requests while the permit is refused, or the store unreachable. */
const askAgainMs = 1000

/** Asks for the permit to withdraw one service while its decision depends on it, and tells the store of the rest. */
export class PermitKeeper {
  readonly #permit: ServicePermit
  readonly #clock: Clock
  readonly #onAnswer: (standing: PermitStanding['standing'], waitedMs: number) => void
  #standing: PermitStanding = { standing: 'none' }
  #asking: Promise<void> | null = null
  #askedAt = 0
  #firstAskedAt = 0
  /** Why it is to be withdrawn: while the permit is refused, the decision has another reason. */
  #reason = ''
  /** What the store was last given, so that nothing is repeated. */
  #said: string | null = null

  /** @param onAnswer decides again; `waitedMs` is since the first request */
  constructor(
    permit: ServicePermit,
    clock: Clock,
    onAnswer: (standing: PermitStanding['standing'], waitedMs: number) => void,
  ) {
    this.#permit = permit
    this.#clock = clock
    this.#onAnswer = onAnswer
  }

  get standing(): PermitStanding {
    return this.#standing
  }

  /** Resolves once no request is under way. */
  async answered(): Promise<void> {
    while (this.#asking !== null) await this.#asking
  }

  /** To be called after each decision. `isWell`: it announces normally, by its neighbors' tables, and its endpoint serves. */
  follow({ withdrawal, reason }: Decision, isWell: boolean): void {
    if (withdrawal === 'permit') {
      this.#said = null
      if (this.#standing.standing === 'granted' || this.#asking !== null) return
      const isFirst = this.#standing.standing === 'none'
      if (isFirst) {
        this.#standing = { standing: 'asking' }
        this.#reason = reason
        this.#firstAskedAt = this.#clock.now()
      }
      if (isFirst || this.#clock.now() - this.#askedAt >= askAgainMs) this.#asking = this.#ask()
      return
    }
    this.#standing = { standing: 'none' }
    const saying = withdrawal === null ? (isWell ? 'well' : 'not well') : `${withdrawal} ${reason}`
    if (this.#said === saying) return
    this.#said = saying
    if (withdrawal !== null) this.#permit.reportWithdrawal(withdrawal, reason)
    else if (isWell) this.#permit.sayWell()
    else this.#permit.sayNotWell()
  }

  async #ask(): Promise<void> {
    this.#askedAt = this.#clock.now()
    const state = await this.#permit.ask(this.#reason)
    this.#asking = null
    // Not if the wish has ended meanwhile: a new one is asked for on its own.
    if (this.#standing.standing !== 'none') this.#standing = this.#judge(state)
    this.#onAnswer(this.#standing.standing, this.#clock.now() - this.#firstAskedAt)
  }

  #judge(state: PermitState): PermitStanding {
    if (state.phase === 'refused') {
      return { standing: 'refused', remaining: state.remaining, required: state.required }
    }
    if (state.phase === 'unreachable') return { standing: 'unreachable' }
    // An answer that has taken too long is no permit any more: the node asks again.
    if (state.phase === 'granted' && this.#permit.mayWithdraw()) return { standing: 'granted' }
    return { standing: 'none' }
  }
}
