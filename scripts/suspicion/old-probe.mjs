const cyclesPerHandshake = 5
const rekeyAfterMs = 120_000

/** The endpoint probe as it was before suspicion, for one endpoint. */
export class OldProbe {
  isAskingClosely = false
  #client
  #clock
  #timeoutMs
  #Deadline
  #begun = 0
  #waiting = 0
  #lastWasGood = true

  constructor(Deadline, client, clock, timeoutMs) {
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
    if (needsHandshake) {
      const outcome = await this.#client.handshake(null, deadline)
      if (!outcome.ok) return judge('handshake', outcome)
    }
    const outcome = await this.#client.ping(null, null, deadline)
    return outcome.ok ? { outcome: 'good', handshakeMs: null, pingMs: outcome.ms } : judge('ping', outcome)
  }
}

function judge(check, { cause, detail }) {
  return ['under-load', 'starved', 'closed'].includes(cause)
    ? { outcome: 'inconclusive', cause, detail }
    : { outcome: 'bad', check, cause, detail }
}
