/** How many wrong tokens are looked at: some at once, then one each few seconds. */
const limits = { most: 10, eachMs: 6000 }

/**
 * Counts wrong tokens. This machine and other machines have a budget each, so that a stranger does not keep the engineer
 * out who connects through ssh.
 */
export class Guesses {
  readonly #left = new Map<boolean, { count: number; at: number }>()

  /** Whether a token may be looked at now. */
  isAllowed(isLocal: boolean, now: number): boolean {
    return this.#refill(isLocal, now).count >= 1
  }

  /** A token was wrong. */
  spend(isLocal: boolean, now: number): void {
    this.#refill(isLocal, now).count -= 1
  }

  #refill(isLocal: boolean, now: number): { count: number; at: number } {
    const left = this.#left.get(isLocal) ?? { count: limits.most, at: now }
    left.count = Math.min(limits.most, left.count + (now - left.at) / limits.eachMs)
    left.at = now
    this.#left.set(isLocal, left)
    return left
  }
}
