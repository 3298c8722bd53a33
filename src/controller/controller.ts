import type { DecisionContext } from '../decision/decide.ts'
import type { LinkSnapshot } from '../health/links.ts'
import type { Manifest, ManifestService } from '../planner/manifest.ts'
import type { ProbeResult } from '../probe/result.ts'
import type { Desired, Observation, RoutingDaemon } from '../routing/daemon.ts'
import type { Clock } from './clock.ts'
import { computeDesired, originatedOf } from './desired.ts'
import { currentIntent, type OperatorIntent, serving } from './intent.ts'
import { Reconciler, type Trouble } from './reconciler.ts'
import { type DecidedState, type EndpointProbe, ServiceState } from './service-state.ts'
import { buildStatus, type NodeStatus } from './status.ts'

/** Told what happens; it may log and count, and must not throw. */
export interface ControllerObserver {
  probed(state: ServiceState, result: ProbeResult): void
  decided(state: DecidedState): void
  /** `tookMs` since the wish; `troubleMs` since the first bad news that led to a withdrawal. */
  verified(tookMs: number, changes: readonly VerifiedChange[]): void
  trouble(trouble: Trouble): void
  observed(observation: Observation): void
  intended(intent: OperatorIntent): void
}

export interface VerifiedChange {
  readonly service: string
  readonly to: 'announce' | 'degrade' | 'withdraw'
  /** From the first bad probe or event (withdraw) or the decision (announce) until now. */
  readonly tookMs: number
}

export interface ControllerParts {
  readonly manifest: Manifest
  readonly daemon: RoutingDaemon
  readonly daemonVersion: string | null
  readonly createProbe: (service: ManifestService) => EndpointProbe
  readonly clock: Clock
  readonly observer: ControllerObserver
  /** What the operator asked for before this controller started. */
  readonly intent: OperatorIntent
  readonly saveIntent: (intent: OperatorIntent) => Promise<void>
}

/** Probes -> health -> decision -> desired set -> daemon -> observed, for every service of one node. */
export class Controller {
  readonly #parts: ControllerParts
  readonly #services: ReadonlyMap<string, { state: ServiceState; probe: EndpointProbe }>
  readonly #reconciler: Reconciler
  /** Decision changes that the neighbors do not have yet, by service. */
  readonly #pending = new Map<string, { to: VerifiedChange['to']; startedAt: number }>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #intent: OperatorIntent
  /** What `hold` holds: what was last wanted or, before that, what the daemon was found to originate. */
  #held: Desired | null = null
  #stopping = false

  constructor(parts: ControllerParts) {
    const { clock, manifest } = parts
    this.#parts = parts
    this.#intent = parts.intent
    this.#services = new Map(
      manifest.services.map((service) => [
        service.name,
        { state: new ServiceState(service, clock.now(), clock.wall()), probe: parts.createProbe(service) },
      ]),
    )
    this.#reconciler = new Reconciler(parts.daemon, manifest.neighbors, clock, {
      onVerified: (tookMs) => this.#onVerified(tookMs),
      onTrouble: (trouble) => parts.observer.trouble(trouble),
      onObserved: (observation) => this.#onObserved(observation),
      onGone: (nothing) => parts.observer.observed(nothing),
    })
  }

  /** Starts probing. Nothing is announced or withdrawn before the first probes have said why. */
  start(): void {
    const { observer } = this.#parts
    for (const { state, probe } of this.#services.values()) {
      this.#every(state.service.probe.intervalMs, () => this.#probe(state, probe))
    }
    // A drain that ends by itself.
    this.#every(250, () => {
      if (this.#intent.until !== null && this.#parts.clock.wall() >= this.#intent.until) {
        this.setIntent(serving).catch((error: Error) => {
          observer.trouble({ cause: 'state', message: error.message, reply: null })
        })
      }
    })
  }

  /** The links of this machine as they are now: acted on at once. */
  takeLinks(links: LinkSnapshot): void {
    const now = this.#parts.clock.now()
    for (const { state } of this.#services.values()) state.takeLinks(links, now)
    this.#decide()
  }

  get intent(): OperatorIntent {
    return currentIntent(this.#intent, this.#parts.clock.wall())
  }

  /** Takes the operator's intent over at once, and keeps it for the next controller. Rejects if it can't be kept. */
  async setIntent(intent: OperatorIntent): Promise<void> {
    this.#intent = intent
    this.#decide()
    this.#parts.observer.intended(intent)
    await this.#parts.saveIntent(intent)
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
    const { manifest, clock, daemonVersion } = this.#parts
    return buildStatus({
      manifest,
      services: [...this.#services.values()].map(({ state }) => state),
      reconciler: this.#reconciler,
      intent: this.intent,
      daemonVersion,
      now: clock.now(),
      wall: clock.wall(),
    })
  }

  /** Does what each service's `onStop` says and stops. Resolves with whether the neighbors have it. */
  async stop(timeoutMs: number): Promise<boolean> {
    this.#stopping = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#decide()
    const settled = await this.#reconciler.settle(timeoutMs)
    for (const { probe } of this.#services.values()) probe.close()
    await this.#reconciler.stop()
    return settled
  }

  async #probe(state: ServiceState, probe: EndpointProbe): Promise<void> {
    const { clock, observer } = this.#parts
    const startedAt = clock.now()
    const result = await probe.runCycle()
    if (this.#stopping) return
    const judged = state.takeProbe(result, startedAt, clock.now())
    this.#decide()
    observer.probed(state, judged)
  }

  #decide(): void {
    const { clock, manifest, observer } = this.#parts
    const wall = clock.wall()
    const context: DecisionContext = {
      intent: this.intent.intent,
      drainStage: 'none',
      stopping: this.#stopping,
      degradable: manifest.degradable,
      elsewhere: null,
    }
    const changed: ServiceState[] = []
    for (const { state } of this.#services.values()) {
      const before = state.decision.decision
      if (!state.decide(context, wall)) continue
      changed.push(state)
      const after = state.decision.decision
      if (after !== before && after !== 'hold') {
        const startedAt = after === 'withdraw' ? (state.health.troubleSince ?? clock.now()) : clock.now()
        this.#pending.set(state.service.name, { to: after, startedAt })
      }
    }
    this.#pursue()
    if (changed.length === 0) return
    // Talking about it takes milliseconds when it is rare: the daemon is told first.
    const told = changed.map((state) => state.snapshot(clock.now()))
    setImmediate(() => {
      for (const snapshot of told) observer.decided(snapshot)
    })
  }

  #pursue(): void {
    const wishes = [...this.#services.values()].map(({ state }) => ({
      prefixes: state.service.prefixes,
      decision: state.decision.decision,
    }))
    // Before the daemon was ever seen nobody knows what there is to hold; but what is dead goes at once.
    const isHolding = wishes.some(({ decision }) => decision === 'hold')
    if (this.#held === null && isHolding) return
    this.#held = computeDesired(wishes, this.#held ?? new Map())
    this.#reconciler.setDesired(this.#held)
  }

  #onObserved(observation: Observation): void {
    if (this.#held === null) {
      this.#held = originatedOf(observation)
      this.#pursue()
    }
    this.#parts.observer.observed(observation)
  }

  #onVerified(tookMs: number): void {
    const now = this.#parts.clock.now()
    const changes = [...this.#pending].map(([service, { to, startedAt }]) => ({
      service,
      to,
      tookMs: now - startedAt,
    }))
    this.#pending.clear()
    this.#parts.observer.verified(tookMs, changes)
  }

  /** Calls `work` at once and then at each interval, on a grid that does not drift; skips what it slept through. */
  #every(intervalMs: number, work: () => unknown): void {
    const { clock } = this.#parts
    let next = clock.now()
    const tick = () => {
      if (timer !== undefined) this.#timers.delete(timer)
      if (this.#stopping) return
      work()
      const now = clock.now()
      next += intervalMs
      if (next < now) next = now + intervalMs - ((now - next) % intervalMs)
      timer = setTimeout(tick, next - now)
      this.#timers.add(timer)
    }
    let timer: NodeJS.Timeout | undefined
    tick()
  }
}
