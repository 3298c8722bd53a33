import type { Timer } from '../../clock/clock.ts'
import type { NodeStatus } from '../../control/status.ts'
import type { LinkSnapshot } from '../../linux/link-snapshot.ts'
import type { Announcements } from '../../net/announcements.ts'
import { type EffectiveIntent, effectiveIntent, type OperatorIntent } from '../decision/intent.ts'
import { presentAddresses } from '../health/links.ts'
import type { Observation } from '../routing/daemon.ts'
import { computeDesired } from './desired.ts'
import { findLiving } from './liveness.ts'
import type { ControllerParts } from './parts.ts'
import { PendingChanges } from './pending-changes.ts'
import { Reconciler } from './reconciler.ts'
import { type Calendar, createCalendar } from './services/calendar.ts'
import { decideUnit } from './services/decide-unit.ts'
import { PermitKeeper } from './services/permit-keeper.ts'
import { Probing } from './services/probing.ts'
import { ServiceUnit } from './services/service-unit.ts'
import { buildStatus } from './status.ts'
import { Timers } from './timers.ts'

const tickMs = 250
/** A tick this late means that the process or the machine was stopped. */
const asleepMs = 1000
/** Changes within this time are saved once. */
const saveDelayMs = 200

/** Probes -> health -> decision -> desired set -> daemon -> observed, for every service of one node. */
export class Controller {
  readonly #parts: ControllerParts
  readonly #units: readonly ServiceUnit[]
  readonly #calendar: Calendar
  readonly #reconciler: Reconciler
  readonly #pending = new PendingChanges()
  readonly #probing: Probing
  readonly #timers: Timers
  #intent: OperatorIntent
  #reportedIntent: EffectiveIntent | null = null
  /** The set that `hold` keeps: the last desired set or, before that, the set that the daemon originated. */
  #current: Announcements | null = null
  #saving: Timer | null = null
  /** While giving way, nothing is decided: the announcements are the next controller's. */
  #phase: 'running' | 'stopping' | 'giving-way' = 'running'

  constructor(parts: ControllerParts) {
    const { clock, manifest, store, fleet } = parts
    this.#parts = parts
    this.#intent = store.intent
    this.#timers = new Timers(clock)
    this.#calendar = createCalendar(manifest.maintenance)
    const saved = store.services
    this.#units = manifest.services.map((service) => {
      const before = saved?.services[service.name]
      const left = saved === null || before === undefined ? null : { of: before, at: saved.savedAt }
      const unit = new ServiceUnit(service, parts.probesOf(service), left, clock.now(), clock.wall())
      if (fleet) {
        unit.permit = new PermitKeeper(fleet.permitOf(service.name), clock, (answer, waitedMs) => {
          parts.observer.permitAnswered(service.name, answer, waitedMs)
          this.#decide([unit])
        })
      }
      return unit
    })
    this.#probing = new Probing({
      units: this.#units,
      clock,
      observer: parts.observer,
      onResult: (unit) => this.#decide([unit]),
    })
    this.#reconciler = new Reconciler(parts.daemon, manifest.neighbors, clock, {
      onVerified: (tookMs) => this.#onVerified(tookMs),
      onFailure: (failure) => parts.observer.failed(failure),
      onObserved: (observation, afterFailure) => this.#onObserved(observation, afterFailure),
      onGone: (nothing) => {
        parts.observer.observed(nothing)
        this.#reportWithdrawals()
      },
    })
  }

  /** Starts probing. The first probes come before any announcement or withdrawal. */
  start(): void {
    const { guard } = this.#parts
    this.#probing.start()
    this.#timers.every(tickMs, (lateMs) => this.#tick(lateMs))
    if (guard !== null) {
      guard.start()
      this.#timers.every(guard.intervalMs, () => guard.renew(this.living))
    }
  }

  /** Takes the present links of this machine, and decides at once. */
  takeLinks(links: LinkSnapshot): void {
    const now = this.#parts.clock.now()
    const present = presentAddresses(links)
    for (const { state } of this.#units) state.takeLinks(links, present, now)
    this.#decide()
  }

  /** The intent in force, from the operator or the calendar. */
  get intent(): EffectiveIntent {
    const wall = this.#parts.clock.wall()
    return effectiveIntent(this.#intent, this.#calendar.at(wall), wall)
  }

  /** The services that this controller really probes and reconciles now. */
  get living(): string[] {
    const pulse = {
      services: this.#units.map(({ service, cycleBeganAt }) => ({
        service: service.name,
        intervalMs: service.probe.intervalMs,
        cycleBeganAt,
      })),
      reconcilerStepAt: this.#reconciler.steppedAt,
    }
    return findLiving(pulse, this.#parts.clock.now())
  }

  /** Whether the daemon was observed, or its observation has failed. */
  get hasLooked(): boolean {
    return this.#reconciler.observation !== null || this.#reconciler.failure !== null
  }

  /**
   * Applies the operator's intent at once, and stores it for the next controller. Rejects if it cannot be stored, or if
   * this controller gives way and can no longer carry it out.
   */
  async setIntent(intent: OperatorIntent): Promise<void> {
    if (this.#isGivingWay) throw new Error('this controller gives way to the next one: repeat the order')
    this.#intent = intent
    this.#decide()
    await this.#parts.store.saveIntent(intent)
  }

  /** Whether the last observation showed the desired routes. */
  get isVerified(): boolean {
    return this.#reconciler.verified
  }

  isSessionUp(name: string): boolean {
    const seen = this.#reconciler.observation?.neighbors.find(({ neighbor }) => neighbor === name)
    return seen?.session === 'up'
  }

  /** Resolves with true once the neighbors have the desired routes, or with false at the deadline. */
  async settle(timeoutMs: number): Promise<boolean> {
    // Each answer comes within the time of the store.
    await Promise.all(this.#units.flatMap(({ permit }) => permit?.answered() ?? []))
    return this.#reconciler.settle(timeoutMs)
  }

  status(): NodeStatus {
    const { manifest, bundle, serial, clock, daemonVersion, guard, lastResort, saved, bfd } = this.#parts
    return buildStatus({
      manifest,
      bundle: bundle ?? null,
      serial: serial ?? null,
      units: this.#units,
      reconciler: this.#reconciler,
      intent: this.intent,
      calendar: this.#calendar.at(clock.wall()),
      guard: guard?.state ?? null,
      fleet: this.#parts.fleet ?? null,
      rescue: this.#parts.rescue?.status() ?? null,
      access: this.#parts.access?.() ?? null,
      isFenced: (port) => this.#parts.fence?.isFenced(port) ?? null,
      heldAddresses: lastResort?.removed.map(({ address }) => address) ?? [],
      savedAnnouncements: saved?.found ?? [],
      bfdOf: (neighbor) => bfd?.view(neighbor) ?? null,
      daemonVersion,
      now: clock.now(),
      wall: clock.wall(),
    })
  }

  /** Applies each service's `onStop` and stops. Resolves with whether the neighbors have the desired routes. */
  async stop(timeoutMs: number): Promise<boolean> {
    const { guard } = this.#parts
    this.#phase = 'stopping'
    this.#endTimers()
    this.#decide()
    const settled = await this.#reconciler.settle(timeoutMs)
    // The guard withdraws what this controller could not.
    const released = this.#units.filter(({ service }) => settled || service.onStop === 'keep')
    await guard?.release(released.map(({ service }) => service.name))
    await this.#close()
    return settled
  }

  /**
   * Stops, and leaves the announcements unchanged for the next controller, within the guard's deadline. Resolves with
   * false if `stop` was called meanwhile, which then decides.
   */
  async giveWay(): Promise<boolean> {
    this.#phase = 'giving-way'
    this.#endTimers()
    await this.#parts.guard?.handOver()
    if (!this.#isGivingWay) return false
    await this.#close()
    return true
  }

  get #isGivingWay(): boolean {
    return this.#phase === 'giving-way'
  }

  #endTimers(): void {
    this.#probing.end()
    this.#timers.end()
    this.#saving?.cancel()
    this.#save()
  }

  async #close(): Promise<void> {
    const { guard, traffic } = this.#parts
    guard?.close()
    traffic.close()
    this.#probing.close()
    await this.#reconciler.stop()
  }

  #tick(lateMs: number): void {
    const { clock, lastResort, traffic } = this.#parts
    if (lateMs > asleepMs) void this.#takeMissedIntent()
    for (const unit of this.#units) unit.checkPulse(clock.now(), lateMs)
    this.#decide()
    const draining = this.#units.filter(({ drain }) => drain.stage === 'degrading')
    traffic.watch(new Set(draining.map(({ service }) => service.wireguard.interface)))
    if (lastResort === null) return
    const dead = this.#units.filter(
      ({ state }) => state.decision.decision === 'withdraw' && state.health.status === 'unhealthy',
    )
    const carriedOut =
      this.#reconciler.verified ||
      this.#reconciler.isGone ||
      // Other differences, such as a missing announcement or session, do not matter for these services.
      (dead.length > 0 && dead.every(({ service }) => this.#reconciler.isWithdrawn(service.prefixes)))
    lastResort.attempted({ dead: dead.map(({ service }) => service.name), carriedOut }, clock.now())
  }

  /** Another process may have stored an order while this process was stopped. */
  async #takeMissedIntent(): Promise<void> {
    const before = this.#intent
    const intent = await this.#parts.store.findForeignIntent()
    // An order that this controller received meanwhile is newer.
    if (intent === null || this.#intent !== before || this.#phase !== 'running') return
    this.#intent = intent
    this.#decide()
  }

  #decide(units: readonly ServiceUnit[] = this.#units): void {
    // A change of the links can still arrive.
    if (this.#isGivingWay) return
    const { clock, observer, manifest, traffic, fleet } = this.#parts
    const intent = this.intent
    const now = clock.now()
    const wall = clock.wall()
    this.#reportIntent(intent)
    const view = {
      manifest,
      units: this.#units,
      intent: intent.intent,
      forced: intent.forcedBy !== null,
      stopping: this.#phase === 'stopping',
      traffic,
      remoteOf: fleet && manifest.remote?.degrade ? (service: string) => fleet.remoteOf(service) : null,
      observation: this.#reconciler.observation,
      verified: this.#reconciler.verified,
      desired: this.#current,
    }
    const changed = units.filter((unit) => {
      const before = unit.state.decision.decision
      const hasChanged = decideUnit(unit, view, now, wall)
      this.#pending.note(unit.state, before, intent.intent, now)
      return hasChanged
    })
    // This runs several times a second. The desired set is computed only after a change.
    if (changed.length === 0) return
    this.#applyDecisions()
    this.#saveSoon()
    // Logging can take milliseconds, so the daemon comes first.
    const snapshots = changed.map(({ state }) => state.snapshot(now))
    setImmediate(() => {
      for (const snapshot of snapshots) observer.decided(snapshot)
    })
  }

  #reportIntent(intent: EffectiveIntent): void {
    const last = this.#reportedIntent
    const isSame = last?.intent === intent.intent && last.source === intent.source
    if (isSame && last.forcedBy === intent.forcedBy && last.by === intent.by) return
    this.#reportedIntent = intent
    if (last !== null || intent.source !== null) this.#parts.observer.intended(intent)
  }

  #applyDecisions(): void {
    const decided = this.#units.map(({ state }) => ({
      prefixes: state.service.prefixes,
      decision: state.decision.decision,
    }))
    // Before the first observation, the set to hold is not known. Without a `hold`, the first set is applied at once.
    const isHolding = decided.some(({ decision }) => decision === 'hold')
    if (this.#current === null && isHolding) return
    this.#current = computeDesired(decided, this.#current ?? new Map())
    this.#reconciler.setDesired(this.#current)
  }

  #onObserved(observation: Observation, afterFailure: boolean): void {
    if (this.#current === null && !this.#isGivingWay) {
      this.#current = observation.originated
      this.#applyDecisions()
    }
    this.#parts.observer.observed(observation)
    if (afterFailure) this.#reportWithdrawals()
  }

  #onVerified(tookMs: number): void {
    this.#parts.observer.verified(tookMs, this.#pending.take(this.#units, this.#parts.clock.now()))
  }

  /** Reports withdrawals that the neighbors have, although the daemon returned an error or does not run. */
  #reportWithdrawals(): void {
    const { clock, observer } = this.#parts
    const withdrawn = this.#units.filter(
      ({ service, state }) =>
        state.decision.decision === 'withdraw' && this.#reconciler.isWithdrawn(service.prefixes),
    )
    const changes = this.#pending.take(withdrawn, clock.now())
    if (changes.length > 0) observer.withdrawn(changes)
  }

  #saveSoon(): void {
    if (this.#phase !== 'running') return
    this.#saving ??= this.#parts.clock.after(saveDelayMs, () => {
      this.#saving = null
      this.#save()
    })
  }

  #save(): void {
    const { clock, store } = this.#parts
    const now = clock.now()
    const wall = clock.wall()
    store.saveServices(
      Object.fromEntries(this.#units.map((unit) => [unit.service.name, unit.save(now, wall)])),
    )
  }
}
