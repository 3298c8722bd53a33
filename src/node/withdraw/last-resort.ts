import type { Manifest } from '../../manifest/manifest.ts'
import type { Say } from '../../telemetry/say.ts'
import { commandToRestore, type RemovedAddress, type RemovedAddresses } from './removed-addresses.ts'
import { addressesOf } from './scope.ts'

/** Milliseconds. */
const timing = {
  /** How long a dead service may stay announced because its daemon does not withdraw it. */
  patience: 3000,
  /** Between attempts while nothing changes: each is a command or two of `ip`. */
  retryFirst: 1000,
  retryMost: 30_000,
} as const

const putBack = 'put back'

interface Attempt {
  /** Names of the services that are to be withdrawn because nothing of them can be served. */
  readonly dead: readonly string[]
  /** Whether the neighbors were seen to have just what is wanted, or the daemon is gone and tells nobody anything. */
  readonly carriedOut: boolean
}

/**
 * What the controller does when a withdrawal is refused or hangs: it takes the anycast addresses of what is
 * dead off the node, so that nothing half-dead answers, and puts them back when the withdrawal was seen.
 */
export class LastResort {
  readonly #manifest: Manifest
  readonly #addresses: RemovedAddresses
  readonly #say: Say
  /** Since when dead services are announced against our will. */
  #refusedSince: number | null = null
  /** Somebody else may have taken addresses off since: the guard, or `anyward withdraw`. */
  #mayBeRemoved = true
  #turn: Promise<void> | null = null
  /** What the last attempt was about: for something else there is no pause. */
  #lastAttempt = ''
  #retryAt = Number.NEGATIVE_INFINITY
  #retryMs: number = timing.retryFirst
  /** Said already: the services whose addresses could not all be taken. */
  #said = ''

  constructor(parts: { manifest: Manifest; addresses: RemovedAddresses; say: Say }) {
    this.#manifest = parts.manifest
    this.#addresses = parts.addresses
    this.#say = parts.say
  }

  /** The addresses that are off the node because we took them: the `address` check must not blame anybody. */
  get removed(): readonly RemovedAddress[] {
    return this.#addresses.removed
  }

  /** Reads what an earlier controller, the guard or `anyward withdraw` took off. Never throws. */
  async load(): Promise<void> {
    await this.#addresses.load()
  }

  /**
   * To be called several times a second. Acts in the background, one act at a time: at once when something has
   * changed, and then after pauses that grow, until it changes again.
   * @param now the clock's milliseconds
   */
  attempted({ dead, carriedOut }: Attempt, now: number): void {
    if (carriedOut || dead.length === 0) this.#refusedSince = null
    else this.#refusedSince ??= now
    if (!carriedOut) {
      this.#mayBeRemoved = true
      if (this.#lastAttempt === putBack) this.#lastAttempt = ''
    }
    if (this.#turn !== null) return
    if (carriedOut) {
      if (this.#mayBeRemoved && this.#isDue(putBack, now)) this.#begin(() => this.#putBack())
    } else if (this.#refusedSince !== null && now - this.#refusedSince >= timing.patience) {
      if (this.#isDue(`take ${dead.join(' ')}`, now)) this.#begin(() => this.#take(dead))
    }
  }

  /** Resolves when nothing is under way. */
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

  async #take(dead: readonly string[]): Promise<void> {
    const before = this.removed.length
    const problems = await this.#addresses.remove(addressesOf(this.#manifest, new Set(dead)))
    const said = JSON.stringify([this.removed, problems])
    if (said === this.#said) return
    this.#said = said
    if (this.removed.length === before && problems.length === 0) return
    this.#say(
      'error',
      { event: 'addresses-off', services: dead, held: this.removed, problems },
      `the daemon does not withdraw what is dead: ${this.removed.map(({ address }) => address).join(', ') || 'no address could be'} taken off this node until it does`,
    )
  }

  async #putBack(): Promise<void> {
    const before = await this.#addresses.load()
    const problems = await this.#addresses.restore()
    this.#mayBeRemoved = this.removed.length > 0
    const back = before.filter(({ address }) => !this.removed.some((one) => one.address === address))
    if (back.length > 0) {
      this.#said = ''
      this.#say(
        'warn',
        { event: 'addresses-back', back },
        `the withdrawal was carried out: ${back.map(({ address }) => address).join(', ')} put back`,
      )
    }
    const said = JSON.stringify(problems)
    if (problems.length === 0 || said === this.#said) return
    this.#said = said
    this.#say(
      'error',
      { event: 'addresses-off', held: this.removed, problems },
      `by hand: ${this.removed.map(commandToRestore).join('; ')}`,
    )
  }
}
