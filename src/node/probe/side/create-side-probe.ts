import { type Clock, systemClock } from '../../../clock/clock.ts'
import type { SideCheckResult, SideProbe } from './side-check.ts'

export type SideVerdict = Pick<SideCheckResult, 'outcome' | 'cause' | 'detail'>

interface SideProbeParts extends Pick<SideProbe, 'check' | 'intervalMs'> {
  /** Ends by its deadline, and at once when `signal` aborts. */
  readonly ask: (signal: AbortSignal) => Promise<SideVerdict>
  readonly clock?: Clock
}

export const good = (detail: string): SideVerdict => ({ outcome: 'good', cause: null, detail })
export const bad = (cause: string, detail: string): SideVerdict => ({ outcome: 'bad', cause, detail })
export const inconclusive = (cause: string, detail: string): SideVerdict => ({
  outcome: 'inconclusive',
  cause,
  detail,
})

export function createSideProbe({ check, intervalMs, ask, clock = systemClock }: SideProbeParts): SideProbe {
  const closing = new AbortController()
  let running: Promise<SideCheckResult> | null = null

  const run = async (): Promise<SideCheckResult> => {
    const beganAtMs = clock.now()
    const verdict = await ask(closing.signal).catch((error: Error) => inconclusive('failed', error.message))
    return {
      check,
      ...(closing.signal.aborted ? inconclusive('closed', 'was not probed: the probe was closed') : verdict),
      tookMs: clock.now() - beganAtMs,
    }
  }
  return {
    check,
    intervalMs,
    run() {
      running ??= run().finally(() => {
        running = null
      })
      return running
    },
    async close() {
      closing.abort()
      await running
    },
  }
}
