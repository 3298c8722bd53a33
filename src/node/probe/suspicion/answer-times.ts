/** RFC 6298, section 2. */
const gain = { time: 1 / 8, deviation: 1 / 4 } as const
const deviations = 4
/** The clock's granularity: timers are late by this much on any machine. Milliseconds. */
const granularityMs = 2

/**
 * How soon an endpoint answers, learned as TCP learns its retransmission timeout (RFC 6298, section 2). Each packet has a
 * number of its own, so a repeated question yields a sample too: Karn's algorithm (section 3) is not needed.
 */
export class AnswerTimes {
  #isWarm = false
  #smoothed: number | null = null
  #deviation = 0

  /** @param ms from a packet to its answer */
  take(ms: number): void {
    // The first one took longer: the code was not compiled yet, and the server knew no session.
    if (!this.#isWarm) {
      this.#isWarm = true
      return
    }
    if (this.#smoothed === null) {
      this.#smoothed = ms
      this.#deviation = ms / 2
      return
    }
    this.#deviation += gain.deviation * (Math.abs(this.#smoothed - ms) - this.#deviation)
    this.#smoothed += gain.time * (ms - this.#smoothed)
  }

  /** Milliseconds; `null`: not learned yet. */
  get usualMs(): number | null {
    return this.#smoothed
  }

  /** An answer that takes longer is missed; milliseconds. `null`: not learned yet. */
  get limitMs(): number | null {
    return this.#smoothed === null
      ? null
      : this.#smoothed + Math.max(granularityMs, deviations * this.#deviation)
  }
}
