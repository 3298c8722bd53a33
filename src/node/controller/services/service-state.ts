import type { LinkSnapshot } from '../../../linux/link-snapshot.ts'
import type { ManifestService } from '../../../manifest/manifest.ts'
import { type CheckName, sourceCheck } from '../../../manifest/words.ts'
import { type Decision, type DecisionContext, decideAnnouncement } from '../../decision/decide.ts'
import { type HealthEvent, holdDownLeftMs, initialHealth, reduceHealth } from '../../health/health.ts'
import { countFlaps } from '../../health/hold-down.ts'
import { judgeLate } from '../../health/lateness.ts'
import { findLinkProblem } from '../../health/links.ts'
import { findProblemSince, isCheckGood } from '../../health/problem.ts'
import type { HealthState, HealthStatus } from '../../health/state.ts'
import { lossShare } from '../../health/window.ts'
import type { ProbeResult } from '../../probe/result.ts'
import type { SideCheckResult } from '../../probe/side/side-check.ts'

/** Probes the endpoint once. Cycles may overlap. Never rejects. */
export interface EndpointProbe {
  /** Whether a cycle asks by itself, so that none has to begin. */
  readonly isAskingClosely: boolean
  /** @param onRound a bad probe of a cycle that goes on, and how late this process's timers were */
  runCycle(onRound?: (result: ProbeResult, lateMs: number) => void): Promise<ProbeResult>
  /** The pauses of the endpoint that it remembers, as JSON. */
  saveSilences(): unknown
  /** @param saved from a file, unchecked, `awayMs` of the wall clock ago */
  restoreSilences(saved: unknown, awayMs: number): void
  close(): void
}

/** A service at the time of a decision. */
export interface DecidedState {
  readonly service: string
  readonly health: HealthStatus
  readonly decision: Decision
  /** Since when it is the same, wall clock. */
  readonly decidedAt: number
  readonly checks: Partial<Record<CheckName, boolean>>
  /** Since the first of the present bad results in a row. */
  readonly troubleMs: number | null
  /** Until the hold-down ends, if no probe is bad; null without a hold-down. */
  readonly holdDownLeftMs: number | null
  /** Flaps that still count. */
  readonly flaps: number
  /** Share of bad probes in the window, 0 to 1. */
  readonly lossShare: number
  /** Probes without a result, because this machine was late: in a row, and since the start. */
  readonly late: { readonly inRow: number; readonly total: number }
}

/** The state of one service in the controller. */
export class ServiceState {
  readonly service: ManifestService
  health: HealthState
  decision: Decision
  /** When the decision last changed, wall clock. */
  decidedAt: number
  lastProbe: ProbeResult | null = null

  constructor(
    service: ManifestService,
    now: number,
    wall: number,
    /** The restored health from before a restart. */
    health: HealthState | null = null,
  ) {
    this.service = service
    this.health = health ?? initialHealth(now)
    this.decision = {
      decision: 'hold',
      withdrawal: null,
      reason: 'starting',
      detail: 'no probe has ended yet',
    }
    this.decidedAt = wall
  }

  /** @param present the addresses of those of these links that are up */
  takeLinks(links: LinkSnapshot, present: ReadonlySet<string>, now: number): void {
    const needs = {
      interface: this.service.wireguard.interface,
      anycast: this.service.anycast,
      checks: this.service.probe.checks,
    }
    const problem = findLinkProblem(links, needs, present)
    this.#reduce({ kind: 'links', problem }, now)
  }

  /** `lateMs`: how late this process's timers were during the cycle. Returns the result judged with that. */
  takeProbe(result: ProbeResult, startedAt: number, now: number, lateMs = 0): ProbeResult {
    const judged = judgeLate(result, lateMs, this.service.probe.intervalMs)
    this.lastProbe = judged
    if (judged.outcome === 'good') this.#reduce({ kind: 'probe-good', lost: judged.lost ?? null }, now)
    else if (judged.outcome === 'inconclusive') {
      this.#reduce({ kind: 'probe-inconclusive', cause: judged.cause }, now)
    } else {
      const { check, cause, detail } = judged
      this.#reduce({ kind: 'probe-bad', problem: { check, cause, detail }, startedAt }, now)
    }
    return judged
  }

  takeSide({ check, outcome, cause, detail }: SideCheckResult, now: number): void {
    this.#reduce({ kind: 'side', check, outcome, cause, detail }, now)
  }

  /** Decides again; returns whether the decision or its reason changed. */
  decide(context: DecisionContext, wall: number): boolean {
    const { health, service, decision: before } = this
    const after = decideAnnouncement({ ...context, health, service })
    this.decision = after
    if (after.decision === before.decision && after.reason === before.reason) return false
    if (after.decision !== before.decision) this.decidedAt = wall
    return true
  }

  /** For each configured check, and `source`, whether it passes now. */
  checks(): Partial<Record<CheckName, boolean>> {
    const checks: readonly CheckName[] = [...this.service.probe.checks, sourceCheck]
    return Object.fromEntries(checks.map((check) => [check, isCheckGood(this.health, check)]))
  }

  snapshot(now: number): DecidedState {
    const { health, decision, service } = this
    const { flaps, window, late } = health
    const badSince = findProblemSince(health)
    return {
      service: service.name,
      health: health.status,
      decision,
      decidedAt: this.decidedAt,
      checks: this.checks(),
      troubleMs: badSince === null ? null : now - badSince,
      holdDownLeftMs: holdDownLeftMs(health, now),
      flaps: countFlaps(flaps, now, service.probe.holdDown),
      lossShare: lossShare(window, service.probe.window),
      late: { inRow: late.inRow, total: late.total },
    }
  }

  #reduce(event: HealthEvent, now: number): void {
    this.health = reduceHealth(this.health, event, now, this.service.probe)
  }
}
