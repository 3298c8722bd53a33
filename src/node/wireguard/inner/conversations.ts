import type { Deadline } from '../deadline.ts'
import { closedFailure, type ExchangeFailure, failure } from '../exchange.ts'

export type InnerOutcome<Reply> =
  | { readonly ok: true; readonly ms: number; readonly reply: Reply }
  | ExchangeFailure

/** A lost packet is no finding: like any client we ask again, at these shares of the time. */
const repeatedAt = [1 / 4, 1 / 2, 3 / 4]

/** Packets inside a session that await a reply. */
export class Conversations {
  readonly #open = new Map<symbol, { hear(inner: Buffer): void; end(): void }>()

  /** `read` gets whatever comes in the session, and gives `null` for what is no reply to what `send` sends. */
  hold<Reply>(
    send: () => void,
    read: (inner: Buffer) => Reply | null,
    deadline: Deadline,
  ): Promise<InnerOutcome<Reply>> {
    const id = Symbol()
    const beganAtMs = performance.now()
    const timers = repeatedAt.map((share) => setTimeout(send, share * deadline.remainingMs))
    return new Promise<InnerOutcome<Reply>>((resolve) => {
      const settle = (outcome: InnerOutcome<Reply>) => {
        for (const timer of timers) clearTimeout(timer)
        forgetDeadline()
        this.#open.delete(id)
        resolve(outcome)
      }
      const forgetDeadline = deadline.whenOver(() => settle(judgeSilence(deadline)))
      this.#open.set(id, {
        hear: (inner) => {
          const reply = read(inner)
          if (reply !== null) settle({ ok: true, ms: performance.now() - beganAtMs, reply })
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
    ? failure('starved', `could not be asked: this process slept ${Math.round(deadline.stalledMs)} ms`)
    : failure('no-reply', `did not answer within ${deadline.timeoutMs} ms`)
}
