import type { Clock, Timer } from '../../clock/clock.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Say } from '../../telemetry/say.ts'
import { type Outcome, outcomes, type Trigger, triggers } from '../rescue/sweep/rescue.ts'
import type { RescueObserver } from '../rescue/sweep/rescuer.ts'

/** One line for all that end within this time of the first. */
const gatherMs = 1000

/** Counts rescues, and logs how many there were: never which. */
export function createRescueReporter(
  services: readonly string[],
  clock: Clock,
  say: Say,
  metrics: Metrics,
): RescueObserver & { close(): void } {
  // `increase` of Prometheus does not see the first step of a series that begins with it.
  for (const service of services) {
    metrics.replayedHandshakes.inc({ service }, 0)
    for (const trigger of triggers)
      for (const outcome of outcomes) metrics.rescues.inc({ service, trigger, outcome }, 0)
  }
  const counts = new Map<string, { service: string; trigger: Trigger; outcome: Outcome; count: number }>()
  let timer: Timer | null = null
  const report = () => {
    timer?.cancel()
    timer = null
    for (const { service, trigger, outcome, count } of counts.values()) {
      const facts = { event: 'rescue', service, trigger, outcome, count }
      const isGood = outcome === 'handshake' || outcome === 'served' || outcome === 'elsewhere'
      const peers = count === 1 ? '1 peer' : `${count} peers`
      say(isGood ? 'info' : 'warn', facts, `${service}: ${peers} ${words[outcome]}`)
    }
    counts.clear()
  }
  return {
    ended({ service, trigger, outcome, tookMs }) {
      metrics.rescues.inc({ service, trigger, outcome })
      if (outcome === 'handshake') metrics.rescueDuration.observe({ service, trigger }, tookMs / 1000)
      const key = `${service} ${trigger} ${outcome}`
      const known = counts.get(key) ?? { service, trigger, outcome, count: 0 }
      counts.set(key, { ...known, count: known.count + 1 })
      timer ??= clock.after(gatherMs, report).unref()
    },
    failed(service, problem) {
      const facts = { event: 'rescue', service, cause: problem }
      if (problem === null) say('info', facts, `${service}: sessions can be rescued again`)
      else say('error', facts, `${service}: sessions cannot be rescued (${problem})`)
    },
    close: report,
  }
}

const words: Readonly<Record<Outcome, string>> = {
  handshake: 'that another site served, or that came from there, now have a session here',
  served: 'had a session here already',
  elsewhere: 'have a session at another node',
  unanswered: 'did not answer',
  limited: 'changed sites too often, and are left to themselves for a while',
  withdrawn: 'were not taken over: the service was withdrawn here',
  unknown: 'of the roster are not on the interface',
}
