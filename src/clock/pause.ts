import type { Clock } from './clock.ts'

/** Waits until the delay is over or the signal is aborted. */
export async function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  let wake = () => {}
  const sleeping = clock.sleep(delayMs, (waker) => {
    wake = waker
  })
  signal.addEventListener('abort', wake, { once: true })
  if (signal.aborted) wake()
  await sleeping
  signal.removeEventListener('abort', wake)
}
