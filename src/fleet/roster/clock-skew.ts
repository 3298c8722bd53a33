/**
 * How far another node's clock is ahead of this one's, from the times in its messages. A message arrives late, never early,
 * so the largest difference of several is the nearest to the truth. It is too small by the shortest delay among them.
 */
export class ClockSkew {
  readonly #differences: number[] = []
  readonly #window: number

  /** @param window how many messages count: after a clock has been set, as many are needed */
  constructor(window = 10) {
    this.#window = window
  }

  /** @returns the skew in milliseconds */
  take(clockMs: number, wallMs: number): number {
    this.#differences.push(clockMs - wallMs)
    if (this.#differences.length > this.#window) this.#differences.shift()
    return Math.max(...this.#differences)
  }
}
