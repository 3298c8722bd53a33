import type { Clock } from '../../../clock/clock.ts'
import type { ManifestRpki } from '../../../manifest/manifest.ts'
import type { Log } from '../../../telemetry/log.ts'
import type { Metrics } from '../../../telemetry/metrics.ts'
import { DaemonError, type OriginValidation } from '../../routing/daemon.ts'
import { isReconnectDue, judgeLook, type Loss, type RpkiRules, unseen } from './rpki-rules.ts'

interface RpkiWatchParts {
  readonly validation: OriginValidation
  readonly rules: RpkiRules
  readonly pollMs?: number
  readonly clock: Pick<Clock, 'now' | 'sleep'>
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  readonly metrics: Pick<Metrics, 'rpkiCacheUp' | 'rpkiReevaluations' | 'rpkiReconnects' | 'rpkiFailures'>
}

export function rpkiRulesOf(rpki: ManifestRpki): RpkiRules {
  return {
    settleMs: 4000,
    leastMs: 10_000,
    reconnectMs: 20_000,
    mostMs: Math.max(rpki.refreshS * 1000, 60_000),
    acceptsAtExpiry: rpki.atExpiry === 'accept',
  }
}

/**
 * Makes the daemon validate its routes again after its VRPs have changed, until it is stopped. It does not affect this
 * node's announcements, also if it fails.
 */
export function watchRpki(parts: RpkiWatchParts): { stop(): void } {
  const { validation, rules, pollMs = 2000, clock, log, metrics } = parts
  let state = unseen
  let loss: Loss | null = null
  /** The last logged state. */
  let logged: string | null = null
  let wake = () => {}
  let stopped = false

  const look = async () => {
    const found = await validation.look()
    metrics.rpkiCacheUp.set(found.cache === null ? 0 : 1)
    logOnce(found.cache ?? 'no cache', () => {
      const facts = { event: 'rpki', cache: found.cache }
      if (found.cache !== null) log.info(facts, `origins are validated with the VRPs of ${found.cache}`)
      else
        log.warn(facts, 'no RTR cache is connected: origins are validated with the last data, while it lasts')
    })
    const judged = judgeLook(state, found, clock.now(), rules)
    if (judged.reevaluate !== null) {
      await validation.reevaluate()
      metrics.rpkiReevaluations.inc({ reason: judged.reevaluate })
      log.info(
        { event: 'rpki-reevaluated', reason: judged.reevaluate, cache: found.cache },
        'the routes from the neighbors are validated again',
      )
    }
    state = judged.state
    await reconnect(found.cache)
  }
  const reconnect = async (cache: string | null) => {
    const now = clock.now()
    loss = cache === null ? (loss ?? { sinceMs: now, attempts: 0 }) : null
    if (loss === null || !isReconnectDue(loss, now, rules)) return
    loss = { sinceMs: now, attempts: loss.attempts + 1 }
    if (!(await validation.reconnect())) return
    metrics.rpkiReconnects.inc()
    log.warn(
      { event: 'rpki-reconnect', attempt: loss.attempts },
      'bgpd resets its connections to the RTR caches: it found no other cache by itself',
    )
  }
  const logOnce = (state: string, write: () => void) => {
    if (logged !== state) write()
    logged = state
  }
  const run = async () => {
    while (!stopped) {
      await look().catch((error: Error) => {
        if (stopped) return
        const cause = error instanceof DaemonError ? error.code : 'internal'
        metrics.rpkiCacheUp.set(Number.NaN)
        metrics.rpkiFailures.inc({ cause })
        logOnce(error.message, () => log.error({ event: 'rpki', cause }, error.message))
      })
      if (!stopped) {
        await clock.sleep(pollMs, (waker) => {
          wake = waker
        })
      }
    }
  }
  void run()
  return {
    stop() {
      stopped = true
      validation.close()
      wake()
    },
  }
}
