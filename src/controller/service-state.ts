import { type Decision, decideAnnouncement, type Intent } from '../decision/decide.ts'
import {
  currentProblem,
  type HealthEvent,
  type HealthState,
  type HealthStatus,
  initialHealth,
  reduceHealth,
} from '../health/health.ts'
import { findLinkProblem, type LinkSnapshot } from '../health/links.ts'
import type { ManifestService } from '../planner/manifest.ts'
import type { ProbeResult } from '../probe/result.ts'
import type { CheckName } from '../sites/fleet.ts'

/** Asks the endpoint once. Cycles may overlap; it never rejects. */
export interface EndpointProbe {
  runCycle(): Promise<ProbeResult>
  close(): void
}

/** A service as it was when something was decided about it. */
export interface DecidedState {
  readonly service: string
  readonly health: HealthStatus
  readonly decision: Decision
  readonly checks: Partial<Record<CheckName, boolean>>
  /** Since the first of the present run of bad news. */
  readonly troubleMs: number | null
}

/** Everything the controller knows of one service. */
export class ServiceState {
  readonly service: ManifestService
  health: HealthState
  decision: Decision
  /** When the decision became what it is, wall clock. */
  decidedAt: number
  lastProbe: ProbeResult | null = null

  constructor(service: ManifestService, now: number, wall: number) {
    this.service = service
    this.health = initialHealth(now)
    this.decision = { decision: 'hold', reason: 'starting', detail: 'no probe has ended yet' }
    this.decidedAt = wall
  }

  takeLinks(links: LinkSnapshot, now: number): void {
    const problem = findLinkProblem(links, {
      interface: this.service.wireguard.interface,
      anycast: this.service.anycast,
      checks: this.service.probe.checks,
    })
    this.#reduce({ kind: 'links', problem }, now)
  }

  takeProbe(result: ProbeResult, startedAt: number, now: number): void {
    this.lastProbe = result
    if (result.outcome === 'good') this.#reduce({ kind: 'probe-good' }, now)
    else if (result.outcome === 'inconclusive') this.#reduce({ kind: 'probe-inconclusive' }, now)
    else {
      const { check, cause, detail } = result
      this.#reduce({ kind: 'probe-bad', problem: { check, cause, detail }, startedAt }, now)
    }
  }

  /** Decides anew; returns whether the decision or its reason changed. */
  decide(intent: Intent, stopping: boolean, wall: number): boolean {
    const { health, service, decision: before } = this
    const after = decideAnnouncement({ health, intent, stopping, onStop: service.onStop })
    this.decision = after
    if (after.decision === before.decision && after.reason === before.reason) return false
    if (after.decision !== before.decision) this.decidedAt = wall
    return true
  }

  /** For each configured check, whether nothing speaks against it now. */
  checks(): Partial<Record<CheckName, boolean>> {
    const problem = currentProblem(this.health)
    return Object.fromEntries(this.service.probe.checks.map((check) => [check, problem?.check !== check]))
  }

  snapshot(now: number): DecidedState {
    const { status, troubleSince } = this.health
    const troubleMs = troubleSince === null ? null : now - troubleSince
    const { decision, service } = this
    return { service: service.name, health: status, decision, checks: this.checks(), troubleMs }
  }

  #reduce(event: HealthEvent, now: number): void {
    const { rise, fall } = this.service.probe
    this.health = reduceHealth(this.health, event, now, { rise, fall })
  }
}
