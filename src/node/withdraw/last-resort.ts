import type { Manifest } from '../../manifest/manifest.ts'
import type { Say } from '../../telemetry/say.ts'
import { commandToRestore, type RemovedAddress, type RemovedAddresses } from './removed-addresses.ts'
import { addressesOf } from './scope.ts'

/** Milliseconds. */
const timing = {
  /** How long a dead service may stay announced before its addresses are removed. */
  patience: 3000,
  /** Between attempts while nothing changes. Each runs one or two `ip` commands. */
  retryFirst: 1000,
  retryMost: 30_000,
} as const

const restoring = 'restore'

interface Attempt {
  /** Names of the services to withdraw because they are unhealthy. */
  readonly dead: readonly string[]
  /** Whether the neighbors were observed to have the desired routes, or the daemon does not run. */
  readonly carriedOut: boolean
}

/**
 * The controller's action when a withdrawal is refused or hangs: it removes the anycast addresses of dead services from
 * the node, so that a half-dead endpoint does not answer, and restores them when the withdrawal was observed.
 */
export class LastResort {
  readonly #manifest: Manifest
  readonly #addresses: RemovedAddresses
  readonly #say: Say
  /** Since when dead services are still announced. */
  #refusedSince: number | null = null
  #turn: Promise<void> | null = null
  /** The last attempt. A different attempt does not wait for the retry pause. */
  #lastAttempt = ''
  #retryAt = Number.NEGATIVE_INFINITY
  #retryMs: number = timing.retryFirst
  /** The last logged result. An equal one is not logged again. */
  #logged = ''

  constructor(parts: { manifest: Manifest; addresses: RemovedAddresses; say: Say }) {
    this.#manifest = parts.manifest
    this.#addresses = parts.addresses
    this.#say = parts.say
  }

  /** The removed addresses. The `address` check must not fail because of them. */
  get removed(): readonly RemovedAddress[] {
    return this.#addresses.removed
  }

  /** Reads which addresses an earlier controller, the guard or `anyward withdraw` removed. Never throws. */
  async load(): Promise<void> {
    await this.#addresses.load()
  }

  /**
   * Call it several times a second. Acts in the background, one action at a time: at once after a change, and then with
   * growing pauses until the next change.
   * @param now the clock's milliseconds
   */
  attempted({ dead, carriedOut }: Attempt, now: number): void {
    if (carriedOut || dead.length === 0) this.#refusedSince = null
    else this.#refusedSince ??= now
    if (!carriedOut && this.#lastAttempt === restoring) this.#lastAttempt = ''
    if (this.#turn !== null) return
    if (carriedOut) {
      if (this.#isDue(restoring, now)) this.#begin(() => this.#restore())
    } else if (this.#refusedSince !== null && now - this.#refusedSince >= timing.patience) {
      if (this.#isDue(`remove ${dead.join(' ')}`, now)) this.#begin(() => this.#remove(dead))
    }
  }

  /** Resolves when no action is running. */
  async settle(): Promise<void> {
    await this.#turn
  }

  #isDue(attempt: string, now: number): boolean {
    if (attempt !== this.#lastAttempt) this.#retryMs = timing.retryFirst
    else if (now < this.#retryAt) return false
    this.#lastAttempt = attempt
    this.#retryAt = now + this.#retryMs
    this.#retryMs = Math.min(this.#retryMs * 2, timing.retryMost)
    return true
  }

  #begin(work: () => Promise<void>): void {
    this.#turn = work()
      .catch((error: Error) =>
        this.#say('error', { event: 'last-resort', cause: error.message }, error.message),
      )
      .finally(() => {
        this.#turn = null
      })
  }

  async #remove(dead: readonly string[]): Promise<void> {
    const before = this.removed.length
    const problems = await this.#addresses.remove(addressesOf(this.#manifest, new Set(dead)))
    const entry = JSON.stringify([this.removed, problems])
    if (entry === this.#logged) return
    this.#logged = entry
    if (this.removed.length === before && problems.length === 0) return
    this.#say(
      'error',
      { event: 'addresses-off', services: dead, held: this.removed, problems },
      `the daemon does not withdraw ${dead.join(', ')}: ${describeRemoved(this.removed)} from this node until it does`,
    )
  }

  /** Also of what another process has removed since: the guard, or `anyward withdraw`, while this one was stopped. */
  async #restore(): Promise<void> {
    const before = await this.#addresses.load()
    const problems = await this.#addresses.restore()
    // Mostly there is nothing to restore, and to find that out costs one failed `open`.
    if (this.removed.length === 0 && problems.length === 0) this.#retryMs = timing.retryFirst
    const back = before.filter(({ address }) => !this.removed.some((one) => one.address === address))
    if (back.length > 0) {
      this.#logged = ''
      this.#say(
        'warn',
        { event: 'addresses-back', back },
        `the withdrawal succeeded: ${back.map(({ address }) => address).join(', ')} restored`,
      )
    }
    const entry = JSON.stringify(problems)
    if (problems.length === 0 || entry === this.#logged) return
    this.#logged = entry
    this.#say(
      'error',
      { event: 'addresses-off', held: this.removed, problems },
      `removed addresses cannot be restored: run ${this.removed.map(commandToRestore).join('; ')}`,
    )
  }
}

function describeRemoved(removed: readonly RemovedAddress[]): string {
  const addresses = removed.map(({ address }) => address)
  return addresses.length === 0 ? 'no address could be removed' : `${addresses.join(', ')} removed`
}
