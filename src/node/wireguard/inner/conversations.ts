import type { Clock } from '../../../clock/clock.ts'
import type { Deadline } from '../deadline.ts'
import { closedFailure, type ExchangeFailure, failure } from '../exchange.ts'

export type InnerOutcome<Reply> =
  | { readonly ok: true; readonly ms: number; readonly reply: Reply }
  | ExchangeFailure

/** One lost packet proves nothing: the request is sent again at these shares of the timeout. */
const repeatedAt = [1 / 4, 1 / 2, 3 / 4]

/** Requests inside a session that wait for a reply. */
export class Conversations {
  readonly #clock: Clock
  readonly #open = new Map<symbol, { hear(inner: Buffer): void; end(): void }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `read` gets every packet of the session, and returns `null` if it is not a reply to what `send` sends. */
  hold<Reply>(
    send: () => void,
    read: (inner: Buffer) => Reply | null,
    deadline: Deadline,
  ): Promise<InnerOutcome<Reply>> {
    const id = Symbol()
    const beganAtMs = this.#clock.now()
    const timers = repeatedAt.map((share) => this.#clock.after(share * deadline.remainingMs, send))
    return new Promise<InnerOutcome<Reply>>((resolve) => {
      const settle = (outcome: InnerOutcome<Reply>) => {
        for (const timer of timers) timer.cancel()
        forgetDeadline()
        this.#open.delete(id)
        resolve(outcome)
      }
      const forgetDeadline = deadline.whenOver(() => settle(judgeSilence(deadline)))
      this.#open.set(id, {
        hear: (inner) => {
          const reply = read(inner)
          if (reply !== null) settle({ ok: true, ms: this.#clock.now() - beganAtMs, reply })
        },
        end: () => settle(closedFailure),
      })
      send()
    })
  }

  hear(inner: Buffer): void {
    for (const conversation of [...this.#open.values()]) conversation.hear(inner)
  }

  end(): void {
    for (const conversation of [...this.#open.values()]) conversation.end()
  }
}

function judgeSilence(deadline: Deadline): ExchangeFailure {
  return deadline.isStarved
    ? failure(
        'starved',
        `could not be probed: this process was not scheduled for ${Math.round(deadline.stalledMs)} ms`,
      )
    : failure('no-reply', `did not answer within ${deadline.timeoutMs} ms`)
}
