import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { LabError } from '../lab-error.ts'
import { startLimitMs } from '../limits.ts'
import type { ProcessRecord } from '../state.ts'
import { isAlive } from './processes.ts'

/** A start of milliseconds is seen at once; one that takes longer is not slowed down by the checks. */
const pauseMs = { first: 10, most: 160 }

/**
 * Checks until a started program is ready. Throws LabError if it ends, or needs longer than the limit.
 * @param ready for the message, such as `listen` after "did not"
 */
export async function waitForStart(
  record: ProcessRecord,
  ready: string,
  isReady: () => Promise<boolean>,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + startLimitMs
  for (let pause = pauseMs.first; ; pause = Math.min(pause * 2, pauseMs.most)) {
    signal?.throwIfAborted()
    if (await isReady()) return
    const who = `${record.name} in ${record.namespace}`
    if (!(await isAlive(record))) throw new LabError(`${who} ended at once: ${await tail(record.log)}`)
    if (performance.now() > deadline) {
      throw new LabError(`${who} did not ${ready} within ${startLimitMs / 1000} s`)
    }
    await delay(pause, undefined, { signal })
  }
}

/** The end of a log file, for a message. */
export async function tail(path: string, lines = 5): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.trimEnd().split('\n').slice(-lines).join('\n')
}
