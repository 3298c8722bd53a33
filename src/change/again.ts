import type { Clock } from '../clock/clock.ts'
import { TransportError } from './transport.ts'

export interface AgainTimes {
  /** No attempt begins later than this after the first one. */
  readonly forMs: number
  readonly pauseMs: number
}

/** Repeats the work while it throws a TransportError. Throws the last one, and any other error at once. */
export async function again<T>(
  clock: Clock,
  { forMs, pauseMs }: AgainTimes,
  work: () => Promise<T>,
): Promise<T> {
  const deadline = clock.now() + forMs
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof TransportError) || clock.now() > deadline) throw error
      await clock.sleep(pauseMs)
    }
  }
}
