import type { Clock } from '../../clock/clock.ts'
import type { ManifestNeighbor } from '../../manifest/manifest.ts'
import { type Announcements, sameAnnouncements } from '../../net/announcements.ts'
import { DaemonError, type Observation, type RoutingDaemon } from '../routing/daemon.ts'
import { isNotRunning, isWithdrawn, observationWithoutDaemon } from '../routing/withdrawn.ts'
import { findDifferences } from './desired.ts'

interface ReconcilerEvents {
  /** The neighbors have the desired routes, `tookMs` after the set was requested. */
  onVerified(tookMs: number): void
  /** The daemon failed, or its routes differ from the desired set. Repeats are omitted. */
  onFailure(failure: DaemonFailure): void
  /**
   * A new observation, also one that differs from the desired set. `afterFailure`: the change before it failed, so no
   * `onVerified` follows soon.
   */
  onObserved(observation: Observation, afterFailure: boolean): void
  /** The daemon does not run: its sessions are down, and it advertises nothing. */
  onGone(nothing: Observation): void
}

export interface DaemonFailure {
  /** A DaemonErrorCode, or `drift`: another program changed the announcements. */
  readonly cause: string
  readonly message: string
  readonly reply: string | null
}

/** Delays in milliseconds. */
const timing = {
  /** Between observations of a daemon that accepted the change and has not finished it. */
  settle: 5,
  /** How long a daemon may take for a change before it is applied again. */
  settleLimit: 400,
  retryFirst: 50,
  retryMost: 1000,
  /** Between observations without a difference, to detect changes by another program. */
  resync: 1000,
}

/**
 * Drives one daemon to the desired set and keeps it there: apply and observe until they are equal. Only `observe` counts,
 * no exit code and no file.
 */
export class Reconciler {
  readonly #daemon: RoutingDaemon
  readonly #neighbors: readonly ManifestNeighbor[]
  readonly #clock: Clock
  readonly #events: ReconcilerEvents
  #desired: Announcements | null = null
  #requestedAt = 0
  /** When a prefix was last removed from the desired set, in the clock's milliseconds. */
  readonly #unwantedSince = new Map<string, number>()
  #verified = false
  #observation: Observation | null = null
  #observedAt: number | null = null
  /** When the last observation was started. */
  #observationStartedAt = Number.NEGATIVE_INFINITY
  #differences: readonly string[] = []
  #failure: DaemonFailure | null = null
  #wake: (() => void) | null = null
  #stopped = false
  #generation = 0
  #steppedAt: number
  readonly #loop: Promise<void>

  constructor(
    daemon: RoutingDaemon,
    neighbors: readonly ManifestNeighbor[],
    clock: Clock,
    events: ReconcilerEvents,
  ) {
    this.#daemon = daemon
    this.#neighbors = neighbors
    this.#clock = clock
    this.#events = events
    this.#steppedAt = clock.now()
    this.#loop = this.#run()
  }

  /** The last observation, or null before the first; `observedAt` in the clock's milliseconds. */
  get observation(): Observation | null {
    return this.#observation
  }

  get observedAt(): number | null {
    return this.#observedAt
  }

  /** Whether the last observation showed the desired set, and nothing has failed since. */
  get verified(): boolean {
    return this.#verified
  }

  get differences(): readonly string[] {
    return this.#differences
  }

  get failure(): DaemonFailure | null {
    return this.#failure
  }

  /** Whether the daemon does not run, so it advertises nothing. */
  get isGone(): boolean {
    return this.#failure?.cause === 'not-running'
  }

  /**
   * Whether those of these prefixes that are not desired any more were observed as withdrawn since, independent of other
   * differences; or the daemon does not run.
   */
  isWithdrawn(prefixes: readonly string[]): boolean {
    if (this.isGone) return true
    const observation = this.#observation
    const observedAt = this.#observedAt
    if (observation === null || observedAt === null) return false
    const unwanted = prefixes.filter((prefix) => !this.#desired?.has(prefix))
    const isRecent = (prefix: string) => observedAt >= (this.#unwantedSince.get(prefix) ?? 0)
    return unwanted.every(isRecent) && isWithdrawn(observation, unwanted)
  }

  /** When a step last began or ended, also one that failed. */
  get steppedAt(): number {
    return this.#steppedAt
  }

  /** Sets the whole set to originate, and applies it at once. */
  setDesired(desired: Announcements): void {
    if (this.#desired !== null && sameAnnouncements(this.#desired, desired)) return
    this.#requestedAt = this.#clock.now()
    for (const prefix of this.#desired?.keys() ?? []) {
      if (!desired.has(prefix)) this.#unwantedSince.set(prefix, this.#requestedAt)
    }
    this.#desired = desired
    this.#verified = false
    this.#generation += 1
    this.#wake?.()
  }

  /**
   * Resolves with true when an observation started after the call has verified the desired set, or with false at the
   * deadline. The last observation may be a resync old, and another program may have changed the announcements since.
   */
  async settle(timeoutMs: number): Promise<boolean> {
    const since = this.#clock.now()
    const deadline = since + timeoutMs
    for (;;) {
      if (this.#verified && this.#observationStartedAt >= since) return true
      if (this.#clock.now() >= deadline) return false
      if (this.#verified) this.#wake?.()
      await this.#clock.sleep(timing.settle)
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#wake?.()
    const left = this.#daemon.leave()
    await this.#loop
    await left
  }

  async #run(): Promise<void> {
    let retryDelay = timing.retryFirst
    while (!this.#stopped) {
      const generation = this.#generation
      this.#steppedAt = this.#clock.now()
      let delay: number
      try {
        delay = await this.#step()
        retryDelay = timing.retryFirst
      } catch (error) {
        if (this.#stopped) return
        this.#verified = false
        if (isNotRunning(error)) this.#markGone()
        this.#report(failureOf(error))
        delay = retryDelay
        retryDelay = Math.min(retryDelay * 2, timing.retryMost)
      }
      this.#steppedAt = this.#clock.now()
      // A set that was requested meanwhile is applied without a delay.
      if (generation === this.#generation) await this.#sleep(delay)
      else retryDelay = timing.retryFirst
    }
  }

  /** Runs one step; returns the delay before the next one. */
  async #step(): Promise<number> {
    const desired = this.#desired
    if (desired === null) {
      // Before a first desired set, only observe what the daemon announces.
      await this.#observe()
      return timing.resync
    }
    if (this.#verified) {
      await this.#observe()
      if (desired !== this.#desired) return 0
      this.#differences = findDifferences(desired, this.#observation!, this.#neighbors)
      if (this.#differences.length === 0) {
        // Of no effect while nothing is announced, and to be repaired before that changes.
        const { remark } = this.#observation!
        this.#report(remark === undefined ? null : { cause: 'drift', message: remark, reply: null })
        return timing.resync
      }
      this.#verified = false
      this.#requestedAt = this.#clock.now()
      this.#report({ cause: 'drift', message: this.#differences.join('; '), reply: null })
    }
    try {
      await this.#daemon.apply(desired)
    } catch (error) {
      await this.#observeAfter(error)
      throw error
    }
    return this.#settleOn(desired)
  }

  /**
   * A failed change may be applied in part: BIRD accepts the `disable` even if the file cannot be written. A daemon that
   * did not answer is not observed before the next attempt.
   */
  async #observeAfter(error: unknown): Promise<void> {
    if (isNotRunning(error) || (error instanceof DaemonError && error.code === 'timeout')) return
    this.#steppedAt = this.#clock.now()
    try {
      await this.#observe(true)
    } catch (second) {
      // The cause of the failed change is the one to report, unless the daemon has ended since.
      if (isNotRunning(second)) throw second
    }
  }

  async #settleOn(desired: Announcements): Promise<number> {
    const appliedAt = this.#clock.now()
    for (;;) {
      await this.#observe()
      if (desired !== this.#desired) return 0
      this.#differences = findDifferences(desired, this.#observation!, this.#neighbors)
      if (this.#differences.length === 0) {
        this.#verified = true
        this.#report(null)
        this.#events.onVerified(this.#clock.now() - this.#requestedAt)
        return timing.resync
      }
      if (this.#clock.now() - appliedAt > timing.settleLimit) {
        throw new DaemonError(
          'refused',
          `the daemon accepted the change, but ${this.#differences.join('; ')}`,
        )
      }
      await this.#sleep(timing.settle)
      if (this.#stopped || desired !== this.#desired) return 0
    }
  }

  async #observe(afterFailure = false): Promise<void> {
    const startedAt = this.#clock.now()
    const observation = await this.#daemon.observe()
    this.#observation = observation
    this.#observationStartedAt = startedAt
    this.#observedAt = this.#clock.now()
    this.#events.onObserved(observation, afterFailure)
  }

  /** A daemon that does not run has closed its sessions. One that is only stopped may still have them. */
  #markGone(): void {
    const nothing = observationWithoutDaemon(this.#neighbors)
    this.#observation = nothing
    this.#observedAt = this.#clock.now()
    this.#events.onGone(nothing)
  }

  #report(failure: DaemonFailure | null): void {
    const known = this.#failure
    this.#failure = failure
    if (failure === null || (known?.cause === failure.cause && known.message === failure.message)) return
    this.#events.onFailure(failure)
  }

  async #sleep(delayMs: number): Promise<void> {
    if (delayMs <= 0 || this.#stopped) return
    await this.#clock.sleep(delayMs, (wake) => {
      this.#wake = wake
    })
    this.#wake = null
  }
}

function failureOf(error: unknown): DaemonFailure {
  if (error instanceof DaemonError) return { cause: error.code, message: error.message, reply: error.reply }
  return { cause: 'unexpected', message: error instanceof Error ? error.message : String(error), reply: null }
}
