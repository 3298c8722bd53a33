import type { DecisionName } from '../decision/decide.ts'
import type { Intent } from '../decision/intent.ts'
import { findProblemSince } from '../health/problem.ts'
import type { VerifiedChange } from './parts.ts'
import type { ServiceState } from './services/service-state.ts'
import type { ServiceUnit } from './services/service-unit.ts'

/** Changed decisions that are not observed at the neighbors yet, at most one for each service. */
export class PendingChanges {
  readonly #byService = new Map<string, { to: VerifiedChange['to']; startedAt: number }>()

  /** Adds the change from `before` to the present decision. A `hold` changes nothing at the neighbors. */
  note({ service, decision, health }: ServiceState, before: DecisionName, intent: Intent, now: number): void {
    const to = decision.decision
    if (to === before || to === 'hold') return
    const badSince = intent === 'serve' && to !== 'announce' ? findProblemSince(health) : null
    this.#byService.set(service.name, { to, startedAt: badSince ?? now })
  }

  /** Removes and returns the changes of these services, which the neighbors have now. */
  take(units: readonly ServiceUnit[], now: number): VerifiedChange[] {
    return units.flatMap(({ service: { name: service } }) => {
      const pending = this.#byService.get(service)
      if (pending === undefined) return []
      this.#byService.delete(service)
      return [{ service, to: pending.to, tookMs: now - pending.startedAt }]
    })
  }
}
