import type { NodeStatus } from '../../control/status.ts'
import type { LinkSnapshot } from '../../linux/link-snapshot.ts'
import type { Announcements } from '../../net/announcements.ts'
import type { DecisionContext } from '../decision/decide.ts'
import {
  type EffectiveIntent,
  effectiveIntent,
  type Intent,
  type OperatorIntent,
} from '../decision/intent.ts'
import type { OtherAnnouncers } from '../decision/other-announcers.ts'
import { presentAddresses } from '../health/links.ts'
import { findProblemSince } from '../health/problem.ts'
import type { SideProbe } from '../probe/side/side-check.ts'
import type { Observation } from '../routing/daemon.ts'
import { computeDesired } from './desired.ts'
import { findLiving } from './liveness.ts'
import type { ControllerParts, VerifiedChange } from './parts.ts'
import { Reconciler } from './reconciler.ts'
import { type Calendar, createCalendar } from './service/calendar.ts'
import { ServiceUnit } from './service/service-unit.ts'
import { buildStatus } from './status.ts'
import { Timers } from './timers.ts'

const tickMs = 250
/** A tick that is so late was slept through: stopped, or a machine that was away. */
const asleepMs = 1000
/** Services that are probed within that time are probed at once. */
const slotMs = 50
/** Changes within that time are saved once. */
const saveDelayMs = 200

/** Probes -> health -> decision -> desired set -> daemon -> observed, for every service of one node. */
export class Controller {
  readonly #parts: ControllerParts
  readonly #units: readonly ServiceUnit[]
  readonly #calendar: Calendar
  readonly #reconciler: Reconciler
  /** Decision changes that the neighbors do not have yet, by service. */
  readonly #pending = new Map<string, { to: VerifiedChange['to']; startedAt: number }>()
  readonly #timers: Timers
  #intent: OperatorIntent
  #told: EffectiveIntent | null = null
  /** What `hold` keeps: what was last wanted or, before that, what the daemon was found to originate. */
  #current: Announcements | null = null
  #saving: NodeJS.Timeout | null = null
  #stopping = false

  constructor(parts: ControllerParts) {
    const { clock, manifest, keeping } = parts
    this.#parts = parts
    this.#intent = keeping.intent
    this.#timers = new Timers(clock)
    this.#calendar = createCalendar(manifest.maintenance)
    const saved = keeping.services
    this.#units = manifest.services.map((service) => {
      const before = saved?.services[service.name]
      const left = saved === null || before === undefined ? null : { of: before, at: saved.savedAt }
      return new ServiceUnit(service, parts.probesOf(service), left, clock.now(), clock.wall())
    })
    this.#reconciler = new Reconciler(parts.daemon, manifest.neighbors, clock, {
      onVerified: (tookMs) => this.#onVerified(tookMs),
      onTrouble: (trouble) => parts.observer.trouble(trouble),
      onObserved: (observation, afterFailure) => this.#onObserved(observation, afterFailure),
      onGone: (nothing) => {
        parts.observer.observed(nothing)
        this.#reportWithdrawals()
      },
    })
  }

  /** Starts probing. Nothing is announced or withdrawn before the first probes have said why. */
  start(): void {
    const { guard } = this.#parts
    this.#units.forEach((unit, index) => {
      const { intervalMs } = unit.service.probe
      const offsetMs = offsetOf(index / this.#units.length, intervalMs)
      this.#timers.every(intervalMs, () => this.#probe(unit), offsetMs)
      for (const side of unit.probes.side) {
        this.#timers.every(side.intervalMs, () => this.#check(unit, side), offsetMs)
      }
    })
    this.#timers.every(tickMs, (lateMs) => this.#tick(lateMs))
    if (guard !== null) {
      guard.start()
      this.#timers.every(guard.intervalMs, () => guard.renew(this.living))
    }
  }

  /** The links of this machine as they are now: acted on at once. */
  takeLinks(links: LinkSnapshot): void {
    const now = this.#parts.clock.now()
    const present = presentAddresses(links)
    for (const { state } of this.#units) state.takeLinks(links, present, now)
    this.#decide()
  }

  /** What counts now, said by the operator or by the calendar. */
  get intent(): EffectiveIntent {
    const wall = this.#parts.clock.wall()
    return effectiveIntent(this.#intent, this.#calendar.at(wall), wall)
  }

  /** The services for which this controller really works now. */
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

  /** Whether it is known how the daemon is: what it tells the neighbors, or why that can't be seen. */
  get hasLooked(): boolean {
    return this.#reconciler.observation !== null || this.#reconciler.trouble !== null
  }

  /** Takes the operator's intent over at once, and keeps it for the next controller. Rejects if it can't be kept. */
  async setIntent(intent: OperatorIntent): Promise<void> {
    this.#intent = intent
    this.#decide()
    await this.#parts.keeping.saveIntent(intent)
  }

  /** Whether the neighbors were told just what was decided, when they were last looked at. */
  get isVerified(): boolean {
    return this.#reconciler.verified
  }

  /** Resolves with true once the neighbors have just what is wanted, or with false at the deadline. */
  settle(timeoutMs: number): Promise<boolean> {
    return this.#reconciler.settle(timeoutMs)
  }

  status(): NodeStatus {
    const { manifest, clock, daemonVersion, guard, lastResort, saved } = this.#parts
    return buildStatus({
      manifest,
      units: this.#units,
      reconciler: this.#reconciler,
      intent: this.intent,
      calendar: this.#calendar.at(clock.wall()),
      guard: guard?.state ?? null,
      heldAddresses: lastResort?.removed.map(({ address }) => address) ?? [],
      savedAnnouncements: saved?.found ?? [],
      daemonVersion,
      now: clock.now(),
      wall: clock.wall(),
    })
  }

  /** Does what each service's `onStop` says and stops. Resolves with whether the neighbors have it. */
  async stop(timeoutMs: number): Promise<boolean> {
    const { guard } = this.#parts
    this.#stopping = true
    this.#endTimers()
    this.#decide()
    const settled = await this.#reconciler.settle(timeoutMs)
    // What could not be withdrawn is left to the guard.
    const released = this.#units.filter(({ service }) => settled || service.onStop === 'keep')
    await guard?.release(released.map(({ service }) => service.name))
    await this.#close()
    return settled
  }

  /** Stops and leaves what is announced, for the next controller, which has the guard's time to come. */
  async giveWay(): Promise<void> {
    this.#stopping = true
    this.#endTimers()
    await this.#parts.guard?.handOver()
    await this.#close()
  }

  #endTimers(): void {
    this.#timers.end()
    if (this.#saving !== null) clearTimeout(this.#saving)
    this.#save()
  }

  async #close(): Promise<void> {
    const { guard, traffic } = this.#parts
    guard?.close()
    traffic.close()
    for (const { probes } of this.#units) {
      probes.endpoint.close()
      for (const side of probes.side) void side.close()
    }
    await this.#reconciler.stop()
  }

  async #probe(unit: ServiceUnit): Promise<void> {
    const { clock, observer } = this.#parts
    const { state, probes, service } = unit
    const startedAt = clock.now()
    unit.cycleBeganAt = startedAt
    const result = await probes.endpoint.runCycle()
    if (this.#stopping) return
    const now = clock.now()
    unit.cycleEndedAt = now
    // That it began late is no excuse: it had its whole timeout all the same.
    const lateMs = Math.max(0, now - startedAt - service.probe.timeoutMs)
    const judged = state.takeProbe(result, startedAt, now, lateMs)
    this.#decide([unit])
    observer.probed(state, judged)
  }

  async #check(unit: ServiceUnit, side: SideProbe): Promise<void> {
    const result = await side.run()
    if (this.#stopping) return
    // Peers that were sent away on purpose are no cliff.
    if (side.check === 'peers' && unit.sendsPeersAway) return
    unit.state.takeSide(result, this.#parts.clock.now())
    this.#decide([unit])
    this.#parts.observer.checked(unit.state, result)
  }

  #tick(lateMs: number): void {
    const { clock, lastResort, traffic } = this.#parts
    if (lateMs > asleepMs) void this.#takeWhatWasMissed()
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
      // What else the daemon refuses, an announcement or a session that is missing, is no reason to touch these.
      (dead.length > 0 && dead.every(({ service }) => this.#reconciler.isWithdrawn(service.prefixes)))
    lastResort.attempted({ dead: dead.map(({ service }) => service.name), carriedOut }, clock.now())
  }

  /** Somebody may have ordered a withdrawal past us while we were stopped. */
  async #takeWhatWasMissed(): Promise<void> {
    const before = this.#intent
    const intent = await this.#parts.keeping.findForeignIntent()
    // What was ordered of us meanwhile is newer.
    if (intent === null || this.#intent !== before || this.#stopping) return
    this.#intent = intent
    this.#decide()
  }

  #decide(units: readonly ServiceUnit[] = this.#units): void {
    const { clock, observer } = this.#parts
    const intent = this.intent
    const now = clock.now()
    this.#tellIntent(intent)
    const changed = units.filter((unit) => this.#decideUnit(unit, intent, now))
    // Each decision is looked at five times a second; what they add up to, only when one of them is another.
    if (changed.length === 0) return
    this.#pursue()
    this.#saveSoon()
    // Talking about it takes milliseconds when it is rare: the daemon is told first.
    const told = changed.map(({ state }) => state.snapshot(now))
    setImmediate(() => {
      for (const snapshot of told) observer.decided(snapshot)
    })
  }

  #tellIntent(intent: EffectiveIntent): void {
    const told = this.#told
    if (told?.intent === intent.intent && told.source === intent.source) return
    this.#told = intent
    if (told !== null || intent.source !== null) this.#parts.observer.intended(intent)
  }

  /** Returns whether the decision, its reason or the stage of its drain changed. */
  #decideUnit(unit: ServiceUnit, { intent }: EffectiveIntent, now: number): boolean {
    const { clock, manifest } = this.#parts
    const { state } = unit
    const hasMoved = this.#stepDrain(unit, intent, now)
    const before = state.decision.decision
    const context: DecisionContext = {
      intent,
      drainStage: unit.drain.stage,
      stopping: this.#stopping,
      degradable: manifest.degradable,
      otherAnnouncers: this.#findOtherAnnouncers(unit),
    }
    const hasChanged = state.decide(context, clock.wall())
    const after = state.decision.decision
    if (after !== before && after !== 'hold') {
      const badSince = intent === 'serve' && after !== 'announce' ? findProblemSince(state.health) : null
      const startedAt = badSince ?? now
      this.#pending.set(unit.service.name, { to: after, startedAt })
    }
    return hasChanged || hasMoved
  }

  /** From the one source that there is. */
  #findOtherAnnouncers(unit: ServiceUnit): OtherAnnouncers | null {
    const observation = this.#reconciler.observation
    const count = observation === null ? null : unit.countOtherAnnouncers(observation, this.#units)
    return count === null ? null : { source: 'ibgp', count }
  }

  #stepDrain(unit: ServiceUnit, intent: Intent, now: number): boolean {
    // What costs nothing, five times a second for each service.
    if (intent === 'serve' && unit.drain.stage === 'none') return false
    const { manifest, traffic } = this.#parts
    const { wireguard, drain } = unit.service
    const observation = this.#reconciler.observation
    return unit.stepDrain(
      {
        intent,
        settings: drain,
        degradable: manifest.degradable,
        announced: observation === null ? null : unit.isOriginated(observation),
        degraded:
          observation === null
            ? { neighbors: 0, verified: false }
            : unit.findDegraded(observation, this.#current ?? new Map(), manifest.neighbors),
        traffic: traffic.view(wireguard.interface, drain.idleMs),
      },
      now,
    )
  }

  #pursue(): void {
    const wishes = this.#units.map(({ state }) => ({
      prefixes: state.service.prefixes,
      decision: state.decision.decision,
    }))
    // Before the daemon was ever seen nobody knows what there is to hold; but what is dead goes at once.
    const isHolding = wishes.some(({ decision }) => decision === 'hold')
    if (this.#current === null && isHolding) return
    this.#current = computeDesired(wishes, this.#current ?? new Map())
    this.#reconciler.setDesired(this.#current)
  }

  #onObserved(observation: Observation, afterFailure: boolean): void {
    if (this.#current === null) {
      this.#current = observation.originated
      this.#pursue()
    }
    this.#parts.observer.observed(observation)
    if (afterFailure) this.#reportWithdrawals()
  }

  #onVerified(tookMs: number): void {
    this.#parts.observer.verified(
      tookMs,
      this.#takePending(() => true),
    )
  }

  /** Withdrawals that the neighbors have, though the daemon did not do all that was asked, or does not run. */
  #reportWithdrawals(): void {
    const isWithdrawn = ({ service, state }: ServiceUnit) =>
      state.decision.decision === 'withdraw' && this.#reconciler.isWithdrawn(service.prefixes)
    const changes = this.#takePending(isWithdrawn)
    if (changes.length > 0) this.#parts.observer.withdrawn(changes)
  }

  /** The changes of these services that the neighbors have now. */
  #takePending(has: (unit: ServiceUnit) => boolean): VerifiedChange[] {
    const now = this.#parts.clock.now()
    return this.#units.filter(has).flatMap(({ service: { name } }) => {
      const pending = this.#pending.get(name)
      if (pending === undefined) return []
      this.#pending.delete(name)
      return [{ service: name, to: pending.to, tookMs: now - pending.startedAt }]
    })
  }

  #saveSoon(): void {
    if (this.#stopping) return
    this.#saving ??= setTimeout(() => {
      this.#saving = null
      this.#save()
    }, saveDelayMs)
  }

  #save(): void {
    const { clock, keeping } = this.#parts
    const now = clock.now()
    const wall = clock.wall()
    keeping.saveServices(
      Object.fromEntries(this.#units.map((unit) => [unit.service.name, unit.save(now, wall)])),
    )
  }
}

/**
 * When in its interval a service is probed, `share` of them being before it. A hundred in the same millisecond would
 * all be late, and each by itself would wake the machine a hundred times as often.
 */
function offsetOf(share: number, intervalMs: number): number {
  const slots = Math.max(1, Math.floor(intervalMs / slotMs))
  return (Math.floor(share * slots) * intervalMs) / slots
}
