import { type Clock, systemClock } from '../../clock/clock.ts'
import { NoAnswer, type NodeReply } from './ask-controller.ts'

/** What a watch has of a controller. */
export interface Sight<T> {
  /** `null`: it has not answered since the watch began. */
  readonly status: T | null
  /** When it last answered, or the watch began, in ms since 1970. */
  readonly atMs: number
  /** Why it did not answer when it was last asked; `null`: it did. */
  readonly silence: { readonly message: string; readonly hint: string } | null
}

interface WatchOptions<T> {
  readonly ask: () => Promise<NodeReply<T>>
  /** Where no controller listens. */
  readonly describeAbsent: () => Promise<NonNullable<Sight<T>['silence']>>
  readonly onSight: (sight: Sight<T>) => void
  readonly signal: AbortSignal
  readonly pauseMs?: number
  readonly clock?: Clock
}

/**
 * Asks a controller again and again, also while it does not answer, until the signal. Throws OperationError for what does
 * not pass by itself: no permission, a fleet without a store.
 */
export async function watchController<T>(options: WatchOptions<T>): Promise<void> {
  const { ask, describeAbsent, onSight, signal, pauseMs = 1000, clock = systemClock } = options
  let wake = () => {}
  signal.addEventListener('abort', () => wake(), { once: true })
  let sight: Sight<T> = { status: null, atMs: clock.wall(), silence: null }
  while (!signal.aborted) {
    const silence = await ask().then(
      (reply) => {
        if (reply.outcome === 'absent') return describeAbsent()
        sight = { status: reply.status, atMs: clock.wall(), silence: null }
        return null
      },
      (error: unknown) => {
        if (!(error instanceof NoAnswer)) throw error
        return { message: error.message, hint: error.hint }
      },
    )
    if (signal.aborted) return
    onSight({ ...sight, silence })
    if (signal.aborted) return
    await clock.sleep(pauseMs, (waker) => {
      wake = waker
    })
  }
}
