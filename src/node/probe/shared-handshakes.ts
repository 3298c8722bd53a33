import type { Clock } from '../../clock/clock.ts'
import type { WireguardClient } from '../wireguard/client.ts'
import type { Deadline } from '../wireguard/deadline.ts'
import type { Endpoint } from '../wireguard/endpoint-socket.ts'
import { type Asked, type AskOptions, type ExchangeOutcome, failure } from '../wireguard/exchange.ts'
import { initiationSpacingMs } from '../wireguard/handshakes.ts'

/** The slowest of some handshakes, or the first that failed. */
export interface Shaken {
  readonly endpoint: Endpoint
  readonly outcome: ExchangeOutcome
}

interface Running {
  endpoint: Endpoint
  /** `null`: nothing was sent yet. */
  asked: Asked | null
  readonly shaken: Promise<Shaken>
}

/**
 * The handshakes of the cycles of one probe. A cycle that begins while another waits for its handshakes waits for them
 * too, and initiates its own only when they have failed. Otherwise a server that answers late, but in time, would
 * never look alive again: it drops a session that is not used before it accepts the next initiation.
 */
export class SharedHandshakes {
  readonly #client: Pick<WireguardClient, 'handshake'>
  readonly #clock: Clock
  #running: Running | null = null

  constructor(client: Pick<WireguardClient, 'handshake'>, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  /** One after the other; `endpoints` is called if they are needed, and lists one at least. */
  async run(
    endpoints: () => readonly [Endpoint, ...Endpoint[]],
    deadline: Deadline,
    options: AskOptions,
  ): Promise<Shaken> {
    while (this.#running !== null) {
      const running = this.#running
      const shaken = await firstOf(running.shaken, deadline)
      if (shaken?.outcome.ok) return shaken
      if (deadline.remainingMs > initiationSpacingMs) continue
      return { endpoint: running.endpoint, outcome: this.#judge(running, deadline) }
    }
    const [first, ...others] = endpoints()
    const running: Running = {
      endpoint: first,
      asked: null,
      shaken: Promise.resolve().then(() => this.#shake([first, ...others], running, deadline, options)),
    }
    this.#running = running
    try {
      return await running.shaken
    } finally {
      this.#running = null
    }
  }

  async #shake(
    endpoints: readonly Endpoint[],
    running: Running,
    deadline: Deadline,
    { onAsked, ...options }: AskOptions,
  ): Promise<Shaken> {
    let slowestMs = 0
    for (const endpoint of endpoints) {
      Object.assign(running, { endpoint, asked: null })
      const outcome = await this.#client.handshake(endpoint, deadline, {
        ...options,
        onAsked(asked) {
          running.asked = asked
          onAsked?.(asked)
        },
      })
      if (!outcome.ok) return { endpoint, outcome }
      slowestMs = Math.max(slowestMs, outcome.ms)
    }
    return { endpoint: running.endpoint, outcome: { ok: true, ms: slowestMs } }
  }

  #judge({ asked }: Running, { isStarved, stalledMs, timeoutMs }: Deadline): ExchangeOutcome {
    if (isStarved) {
      return failure('starved', `could not be probed: no processor time for ${Math.round(stalledMs)} ms`)
    }
    return (
      asked?.judgeSilence(this.#clock.now(), timeoutMs) ??
      failure('no-reply', `did not answer within ${Math.round(timeoutMs)} ms`)
    )
  }
}

/** `null`: the deadline is over first. */
function firstOf<T>(result: Promise<T>, deadline: Deadline): Promise<T | null> {
  return new Promise((resolve) => {
    const forget = deadline.whenOver(() => resolve(null))
    void result.then(resolve).finally(forget)
  })
}
