import type { Clock, Timer } from '../../clock/clock.ts'
import type { Store, Watch } from '../store.ts'
import type { Beats } from './beats.ts'
import { beatPrefix } from './keys.ts'

interface Settings {
  readonly times: { readonly readBeatsEveryMs: number | null; readonly callWithinMs: number }
  readonly onFailure: (message: string) => void
  /** From 0 up to 1. */
  readonly random?: () => number
}

/**
 * Of n nodes that watch, each gets each beat as a message: n² of them for each beat of all. Of many nodes each reads all beats at
 * once instead, as often as they rise.
 */
export function followBeats(
  beats: Beats,
  store: Pick<Store, 'read' | 'watch'>,
  clock: Clock,
  { times: { readBeatsEveryMs, callWithinMs }, onFailure, random = Math.random }: Settings,
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
  let hasFailed = false
  const read = async () => {
    const startMs = clock.now()
    const outcome = await store.read([{ prefix: beatPrefix }], callWithinMs)
    if (isClosed) return
    if (outcome.outcome !== 'read') {
      hasFailed = true
      onFailure(outcome.message)
      return readLater(readBeatsEveryMs * (0.25 + random() / 4))
    }
    beats.seeAll(outcome.values, clock.now())
    // After an outage all nodes begin at once: they must not go on so.
    const share = hasFailed ? random() : 0.9 + random() / 5
    hasFailed = false
    readLater(Math.max(0, readBeatsEveryMs * share - (clock.now() - startMs)))
  }
  readLater(0)
  return {
    close: () => {
      isClosed = true
      next?.cancel()
    },
  }
}
