import type { Clock, Timer } from '../../clock/clock.ts'
import type { Store, Watch } from '../store.ts'
import type { Beats } from './beats.ts'
import { beatPrefix } from './keys.ts'

interface Times {
  readonly readBeatsEveryMs: number | null
  readonly callWithinMs: number
  readonly retryMs: number
}

/**
 * Of n nodes that watch, each gets each beat as a message: n² of them for each beat of all. Of many nodes each reads all beats at
 * once instead, as often as they rise.
 */
export function followBeats(
  beats: Beats,
  store: Pick<Store, 'read' | 'watch'>,
  clock: Clock,
  { readBeatsEveryMs, callWithinMs, retryMs }: Times,
): Watch {
  if (readBeatsEveryMs === null) {
    return store.watch(beatPrefix, (event) => {
      const nowMs = clock.now()
      if (event.event === 'snapshot') beats.seeAll(event.values, nowMs)
      else if (event.event === 'changes')
        for (const { key, value } of event.changes) beats.see(key, value, nowMs)
    })
  }
  let next: Timer | null = null
  let isClosed = false
  const readLater = (delayMs: number) => {
    if (!isClosed) next = clock.after(delayMs, () => void read())
  }
  const read = async () => {
    const startMs = clock.now()
    const outcome = await store.read([{ prefix: beatPrefix }], callWithinMs)
    if (isClosed) return
    const isRead = outcome.outcome === 'read'
    if (isRead) beats.seeAll(outcome.values, clock.now())
    const tookMs = clock.now() - startMs
    readLater(isRead ? Math.max(0, readBeatsEveryMs - tookMs) : retryMs)
  }
  readLater(0)
  return {
    close: () => {
      isClosed = true
      next?.cancel()
    },
  }
}
