const cyclesPerHandshake = 5
const rekeyAfterMs = 120_000

/** The endpoint probe as it was before suspicion, with the same handshakes and echoes. */
export class OldProbe {
  isAskingClosely = false
  #client
  #clock
  #timeoutMs
  #Deadline
  #begun = 0
  #waiting = 0
  #lastWasGood = true
  #endpoints

  constructor(Deadline, client, clock, timeoutMs, endpoints) {
    this.#endpoints = endpoints
    this.#Deadline = Deadline
    this.#client = client
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  async runCycle() {
    const deadline = new this.#Deadline(this.#timeoutMs, this.#clock)
    const ageMs = this.#client.sessionAgeMs
    const needsHandshake =
      !this.#lastWasGood ||
      this.#waiting > 0 ||
      ageMs === null ||
      ageMs >= rekeyAfterMs ||
      this.#begun % cyclesPerHandshake === 0
    this.#begun += 1
    this.#waiting += 1
    const result = await this.#ask(needsHandshake, deadline)
    if (result.outcome !== 'inconclusive') this.#lastWasGood = result.outcome === 'good'
    this.#waiting -= 1
    deadline.cancel()
    return result
  }

  close() {}

  async #ask(needsHandshake, deadline) {
    // One in turn, and after a failure all of them.
    const shaken = this.#lastWasGood ? this.#endpoints.slice(0, 1) : this.#endpoints
    for (const endpoint of needsHandshake ? shaken : []) {
      const outcome = await this.#client.handshake(endpoint, deadline)
      if (!outcome.ok) return judge('handshake', outcome)
    }
    const outcomes = await Promise.all(
      this.#endpoints.map((endpoint) => this.#client.ping(endpoint, null, deadline)),
    )
    const failed = outcomes.find(({ ok }) => !ok)
    return failed === undefined
      ? { outcome: 'good', handshakeMs: null, pingMs: outcomes[0].ms }
      : judge('ping', failed)
  }
}

function judge(check, { cause, detail }) {
  return ['under-load', 'starved', 'closed'].includes(cause)
    ? { outcome: 'inconclusive', cause, detail }
    : { outcome: 'bad', check, cause, detail }
}
