import type { ManifestNeighbor } from '../../manifest/manifest.ts'
import { type Announcements, sameAnnouncements } from '../../net/announcements.ts'
import { DaemonError, type Observation, type RoutingDaemon } from '../routing/daemon.ts'
import { isNotRunning, isWithdrawn, observationWithoutDaemon } from '../routing/withdrawn.ts'
import type { Clock } from './clock.ts'
import { findDifferences } from './desired.ts'

interface ReconcilerEvents {
  /** What the neighbors have equals what was wanted, `tookMs` after the wish. */
  onVerified(tookMs: number): void
  /** The daemon failed us, or does something else than it was told. Repeats of the same are left out. */
  onTrouble(trouble: Trouble): void
  /**
   * A new observation, whether or not it is as wanted. `afterFailure`: the daemon or the disk did not do all that
   * was asked, so that no `onVerified` follows soon.
   */
  onObserved(observation: Observation, afterFailure: boolean): void
  /** The daemon does not run: its sessions are gone, and nobody has our prefixes from it. */
  onGone(nothing: Observation): void
}

export interface Trouble {
  /** A DaemonErrorCode, or `drift`: somebody else changed what is announced. */
  readonly cause: string
  readonly message: string
  readonly reply: string | null
}

/** Delays in milliseconds. */
const timing = {
  /** Between looks at a daemon that took the change and has not carried it out yet. */
  settle: 5,
  /** How long a daemon may take to carry a change out before it is told again. */
  settleLimit: 400,
  retryFirst: 50,
  retryMost: 1000,
  /** Between looks while all is as it should be, so that a change by another program is seen. */
  resync: 1000,
}

/**
 * Drives one daemon to the desired set and keeps it there: apply, observe, and again until they are equal.
 * Nothing is believed from an exit code or a file; only what `observe` says counts.
 */
export class Reconciler {
  readonly #daemon: RoutingDaemon
  readonly #neighbors: readonly ManifestNeighbor[]
  readonly #clock: Clock
  readonly #events: ReconcilerEvents
  #desired: Announcements | null = null
  #wishedAt = 0
  /** When a prefix was last given up, in the clock's milliseconds. */
  readonly #unwantedSince = new Map<string, number>()
  #verified = false
  #observation: Observation | null = null
  #observedAt: number | null = null
  /** When the look that told the last observation was begun. */
  #lookedAt = Number.NEGATIVE_INFINITY
  #differences: readonly string[] = []
  #trouble: Trouble | null = null
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

  /** Whether the last look showed just what is wanted, and nothing has failed since. */
  get verified(): boolean {
    return this.#verified
  }

  get differences(): readonly string[] {
    return this.#differences
  }

  get trouble(): Trouble | null {
    return this.#trouble
  }

  /** Whether the daemon does not run: nobody has anything from it. */
  get isGone(): boolean {
    return this.#trouble?.cause === 'not-running'
  }

  /**
   * Whether those of these prefixes that are not desired any more were observed as withdrawn since, whatever else the
   * daemon does not do; or the daemon does not run.
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

  /** Sets the whole set to be originated, and gets to work at once. */
  setDesired(desired: Announcements): void {
    if (this.#desired !== null && sameAnnouncements(this.#desired, desired)) return
    this.#wishedAt = this.#clock.now()
    for (const prefix of this.#desired?.keys() ?? []) {
      if (!desired.has(prefix)) this.#unwantedSince.set(prefix, this.#wishedAt)
    }
    this.#desired = desired
    this.#verified = false
    this.#generation += 1
    this.#wake?.()
  }

  /**
   * Resolves when a look that was begun from now on has verified what is wanted, or with false at the deadline:
   * the last one may be a resync old, and another program may have changed what is announced since.
   */
  async settle(timeoutMs: number): Promise<boolean> {
    const since = this.#clock.now()
    const deadline = since + timeoutMs
    for (;;) {
      if (this.#verified && this.#lookedAt >= since) return true
      if (this.#clock.now() >= deadline) return false
      if (this.#verified) this.#wake?.()
      await this.#clock.sleep(timing.settle)
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#wake?.()
    this.#daemon.close()
    await this.#loop
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
        this.#report(troubleOf(error))
        delay = retryDelay
        retryDelay = Math.min(retryDelay * 2, timing.retryMost)
      }
      this.#steppedAt = this.#clock.now()
      // A wish that came meanwhile has waited long enough.
      if (generation === this.#generation) await this.#sleep(delay)
      else retryDelay = timing.retryFirst
    }
  }

  /** Brings the daemon one step nearer; returns how long to wait until the next. */
  async #step(): Promise<number> {
    const desired = this.#desired
    if (desired === null) {
      // Nothing is decided before it is known what the daemon announces already.
      await this.#observe()
      return timing.resync
    }
    if (this.#verified) {
      await this.#observe()
      if (desired !== this.#desired) return 0
      this.#differences = findDifferences(desired, this.#observation!, this.#neighbors)
      if (this.#differences.length === 0) {
        this.#report(null)
        return timing.resync
      }
      this.#verified = false
      this.#wishedAt = this.#clock.now()
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
   * A failed change may have been carried out in part: BIRD takes the `disable` of a file that can't be written.
   * Only a daemon that gave no answer is left alone, and that is no longer than until the next attempt.
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
        this.#events.onVerified(this.#clock.now() - this.#wishedAt)
        return timing.resync
      }
      if (this.#clock.now() - appliedAt > timing.settleLimit) {
        throw new DaemonError(
          'refused',
          `the daemon took the change, and yet ${this.#differences.join('; ')}`,
        )
      }
      await this.#sleep(timing.settle)
      if (this.#stopped || desired !== this.#desired) return 0
    }
  }

  async #observe(afterFailure = false): Promise<void> {
    const lookedAt = this.#clock.now()
    const observation = await this.#daemon.observe()
    this.#observation = observation
    this.#lookedAt = lookedAt
    this.#observedAt = this.#clock.now()
    this.#events.onObserved(observation, afterFailure)
  }

  /** A stopped daemon may still be believed by its neighbors; one that is dead has closed its sessions. */
  #markGone(): void {
    const nothing = observationWithoutDaemon(this.#neighbors)
    this.#observation = nothing
    this.#observedAt = this.#clock.now()
    this.#events.onGone(nothing)
  }

  #report(trouble: Trouble | null): void {
    const known = this.#trouble
    this.#trouble = trouble
    if (trouble === null || (known?.cause === trouble.cause && known.message === trouble.message)) return
    this.#events.onTrouble(trouble)
  }

  async #sleep(delayMs: number): Promise<void> {
    if (delayMs <= 0 || this.#stopped) return
    await this.#clock.sleep(delayMs, (wake) => {
      this.#wake = wake
    })
    this.#wake = null
  }
}

function troubleOf(error: unknown): Trouble {
  if (error instanceof DaemonError) return { cause: error.code, message: error.message, reply: error.reply }
  return { cause: 'unexpected', message: error instanceof Error ? error.message : String(error), reply: null }
}
