import type { NodeStatus } from '../../control/status.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Say } from '../../telemetry/say.ts'
import { drainStages } from '../decision/drain.ts'
import type { NeighborObservation } from '../routing/daemon.ts'
import type { ControllerObserver, VerifiedChange } from './parts.ts'
import type { DecidedState } from './service/service-state.ts'

/** Turns what the controller does into lines for people, and metrics. */
export function createObserver(manifest: Manifest, say: Say, metrics: Metrics): ControllerObserver {
  const seriesOf = new Map(
    manifest.neighbors.map(({ name, prefixes }) => [name, listSeries(manifest, prefixes)]),
  )
  const decisions = new Map<string, { service: string; decision: string; reason: string }>()
  /** What the log and the metrics have last told: most of the time nothing is new. */
  const told = new Map<string, string>()
  const isTold = (key: string, ...values: readonly unknown[]) => {
    const value = values.join(' ')
    if (told.get(key) === value) return true
    told.set(key, value)
    return false
  }
  const setHealth = (service: string, checks: DecidedState['checks']) => {
    if (isTold(`health ${service}`, ...Object.values(checks))) return
    for (const [check, good] of Object.entries(checks)) metrics.health.set({ service, check }, good ? 1 : 0)
  }
  const setDecision = (service: string, decision: string, reason: string) => {
    // One series a service: the last reason must not stay beside the present one.
    const before = decisions.get(service)
    if (before !== undefined) metrics.decision.remove(before)
    const labels = { service, decision, reason }
    decisions.set(service, labels)
    metrics.decision.set(labels, 1)
  }
  const setAnnounced = ({ neighbor, announced }: NeighborObservation) => {
    if (isTold(`announced ${neighbor}`, ...[...announced].flat())) return
    for (const { service, prefix } of seriesOf.get(neighbor) ?? []) {
      const labels = { service, neighbor, prefix }
      metrics.announced.set(labels, announced.has(prefix) ? 1 : 0)
      metrics.degraded.set(labels, announced.get(prefix) === 'degraded' ? 1 : 0)
    }
  }
  const measureTransitions = (changes: readonly VerifiedChange[]) => {
    for (const { service, to, tookMs } of changes) {
      metrics.transition.observe({ service, to }, tookMs / 1000)
    }
  }
  for (const { name } of manifest.services) setDecision(name, 'hold', 'starting')
  return {
    probed(state, result) {
      const service = state.service.name
      setHealth(service, state.checks())
      if (result.outcome === 'good') {
        if (result.handshakeMs !== null) {
          metrics.probeDuration.observe({ service, check: 'handshake' }, result.handshakeMs / 1000)
        }
        if (result.pingMs !== null)
          metrics.probeDuration.observe({ service, check: 'ping' }, result.pingMs / 1000)
      } else {
        const check = result.outcome === 'bad' ? result.check : 'handshake'
        metrics.probeFailures.inc({ service, check, cause: result.cause })
      }
      // Each probe is a metric, only changes are lines.
      if (isTold(`probe ${service}`, result.outcome, result.outcome === 'good' ? '' : result.cause)) return
      const facts = { event: 'probe', service, ...result }
      if (result.outcome === 'good') say('info', facts, 'the probe is good')
      else say('warn', facts, result.detail)
    },
    checked(state, { check, outcome, cause, detail, tookMs }) {
      const service = state.service.name
      setHealth(service, state.checks())
      if (outcome === 'good') metrics.probeDuration.observe({ service, check }, tookMs / 1000)
      else metrics.probeFailures.inc({ service, check, cause: cause ?? outcome })
      const key = `check ${service} ${check}`
      const isFirst = !told.has(key)
      if (isTold(key, outcome, cause ?? '') || (isFirst && outcome === 'good')) return
      const facts = { event: 'check', service, check, outcome, cause, tookMs: rounded(tookMs) }
      if (outcome === 'good') say('info', facts, `${check} is good`)
      else say('warn', facts, detail)
    },
    decided(state) {
      const { service, decision, health, troubleMs } = state
      setHealth(service, state.checks)
      setDecision(service, decision.decision, decision.reason)
      const facts = {
        event: 'decision',
        service,
        decision: decision.decision,
        reason: decision.reason,
        health,
        troubleMs: rounded(troubleMs),
        flaps: state.flaps,
      }
      const level = decision.decision === 'withdraw' ? 'warn' : 'info'
      say(level, facts, `${service}: ${decision.decision}, ${decision.detail}`)
    },
    verified(tookMs, changes) {
      measureTransitions(changes)
      say(
        'info',
        { event: 'verified', tookMs: rounded(tookMs), changes: changes.map(withRoundedTime) },
        'the neighbors were told what was decided',
      )
    },
    withdrawn(changes) {
      measureTransitions(changes)
      const services = changes.map(({ service }) => service).join(', ')
      say(
        'warn',
        { event: 'withdrawn', changes: changes.map(withRoundedTime) },
        `no neighbor has the routes of ${services} any more, although the daemon did not do all that was asked`,
      )
    },
    trouble(trouble) {
      metrics.reconcileFailures.inc({ cause: trouble.cause })
      const drifted = trouble.cause === 'drift'
      const message = drifted ? `somebody else changed it: ${trouble.message}` : trouble.message
      say(
        drifted ? 'warn' : 'error',
        { event: 'trouble', cause: trouble.cause, reply: trouble.reply },
        message,
      )
    },
    observed(observation) {
      metrics.observed.set(Date.now() / 1000)
      for (const seen of observation.neighbors) {
        const { neighbor, session } = seen
        metrics.sessionUp.set({ neighbor }, session === 'up' ? 1 : 0)
        setAnnounced(seen)
        if (isTold(`session ${neighbor}`, session)) continue
        const level = session === 'up' ? 'info' : 'warn'
        say(level, { event: 'session', neighbor, session }, `the session to ${neighbor} is ${session}`)
      }
    },
    intended({ intent, source, reason, until }) {
      const facts = { event: 'operator', intent, source, reason, until }
      const by = source === 'calendar' ? 'the calendar' : 'the operator'
      const why = reason === null ? '' : ` (${reason})`
      say('warn', facts, source === null ? 'nobody holds it back any more' : `${by} says ${intent}${why}`)
    },
  }
}

/** The services' prefixes that a neighbor may be told. */
function listSeries(manifest: Manifest, told: readonly string[]): { service: string; prefix: string }[] {
  const may = new Set(told)
  return manifest.services.flatMap(({ name, prefixes }) =>
    prefixes.filter((prefix) => may.has(prefix)).map((prefix) => ({ service: name, prefix })),
  )
}

function withRoundedTime(change: VerifiedChange) {
  return { ...change, tookMs: rounded(change.tookMs) }
}

function rounded(milliseconds: number | null): number | null {
  return milliseconds === null ? null : Math.round(milliseconds * 100) / 100
}

/** What is told by numbers alone, at the time somebody asks. */
export function measureStatus(status: NodeStatus, metrics: Metrics): void {
  metrics.verified.set(status.daemon.verified ? 1 : 0)
  metrics.lateProbes.reset()
  for (const { name: service, loss, holdDown, drain, late } of status.services) {
    metrics.probeLoss.set({ service }, loss)
    metrics.flaps.set({ service }, holdDown.flaps)
    metrics.holdDown.set({ service }, (holdDown.leftMs ?? 0) / 1000)
    metrics.lateProbes.inc({ service }, late.total)
    for (const stage of drainStages) metrics.drain.set({ service, stage }, drain.stage === stage ? 1 : 0)
  }
  const { active, next } = status.maintenance
  metrics.maintenance.set(active === null ? 0 : 1)
  if (next === null) metrics.maintenanceNext.remove()
  else metrics.maintenanceNext.set(Date.parse(next.start) / 1000)
  if (status.guard !== null) metrics.guard.set(status.guard.holding ? 1 : 0)
  metrics.heldAddresses.set(status.heldAddresses.length)
}
