import { openSync, readSync } from 'node:fs'

/** The longest sleep at a time: the thread has to end when it is asked to. */
const longestSleepMs = 250

/**
 * Returns a function that a thread calls as it works. The thread sleeps, blocked, where it has used more than this
 * share of a processor. A low priority would not do: it does not bind across sessions (sched(7), "The autogroup
 * feature"), and a thread that is busy with the requests of one user would take the processor from the routing daemon.
 */
export function createPace({ share, burstMs }: { share: number; burstMs: number }): () => void {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  const readUsedMs = openProcessorTime() ?? (() => performance.eventLoopUtilization().active - sleptMs)
  let sleptMs = 0
  let allowanceMs = burstMs
  let before = { at: performance.now(), usedMs: readUsedMs() }
  return () => {
    const now = { at: performance.now(), usedMs: readUsedMs() }
    allowanceMs = Math.min(burstMs, allowanceMs + (now.at - before.at) * share)
    allowanceMs -= now.usedMs - before.usedMs
    before = now
    if (allowanceMs >= 0) return
    Atomics.wait(cell, 0, 0, Math.min(longestSleepMs, -allowanceMs / share))
    sleptMs += performance.now() - now.at
  }
}

/** The processor time of this thread, in ms: the first number of schedstat is in ns. `null`: the kernel has none. */
function openProcessorTime(): (() => number) | null {
  const buffer = Buffer.alloc(64)
  try {
    const file = openSync('/proc/thread-self/schedstat', 'r')
    return () => Number.parseInt(buffer.toString('latin1', 0, readSync(file, buffer, 0, 64, 0)), 10) / 1e6
  } catch {
    return null
  }
}
