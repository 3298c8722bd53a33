import type { Clock } from '../../clock/clock.ts'
import type { NodeStatus } from '../../control/status.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Say } from '../../telemetry/say.ts'
import { drainStages } from '../decision/drain.ts'
import type { NeighborObservation } from '../routing/daemon.ts'
import type { ControllerObserver, VerifiedChange } from './parts.ts'
import type { DecidedState } from './services/service-state.ts'

/** Turns the controller's events into log lines and metrics. */
export function createObserver(
  manifest: Manifest,
  say: Say,
  metrics: Metrics,
  clock: Clock,
): ControllerObserver {
  const seriesOf = new Map(
    manifest.neighbors.map(({ name, prefixes }) => [name, listSeries(manifest, prefixes)]),
  )
  const decisions = new Map<string, { service: string; decision: string; reason: string }>()
  /** The last reported values: an unchanged value is not reported again. */
  const reported = new Map<string, string>()
  const isReported = (key: string, ...values: readonly unknown[]) => {
    const value = values.join(' ')
    if (reported.get(key) === value) return true
    reported.set(key, value)
    return false
  }
  const setHealth = (service: string, checks: DecidedState['checks']) => {
    if (isReported(`health ${service}`, ...Object.values(checks))) return
    for (const [check, good] of Object.entries(checks)) metrics.health.set({ service, check }, good ? 1 : 0)
  }
  const setDecision = (service: string, decision: string, reason: string) => {
    // One series per service: the previous reason is removed.
    const before = decisions.get(service)
    if (before !== undefined) metrics.decision.remove(before)
    const labels = { service, decision, reason }
    decisions.set(service, labels)
    metrics.decision.set(labels, 1)
  }
  const setAnnounced = ({ neighbor, announced }: NeighborObservation) => {
    if (isReported(`announced ${neighbor}`, ...[...announced].flat())) return
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
  for (const { name, probe } of manifest.services) {
    setDecision(name, 'hold', 'starting')
    metrics.probeTimeout.set({ service: name }, probe.timeoutMs / 1000)
    if (manifest.store !== null) metrics.permitRefusals.inc({ service: name }, 0)
  }
  // `increase` of Prometheus does not see the first step of a series that begins with it.
  for (const cause of failureCauses) metrics.reconcileFailures.inc({ cause }, 0)
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
      // Every probe is counted, but only changes are logged.
      if (isReported(`probe ${service}`, result.outcome, result.outcome === 'good' ? '' : result.cause))
        return
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
      const isFirst = !reported.has(key)
      if (isReported(key, outcome, cause ?? '') || (isFirst && outcome === 'good')) return
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
        // The line itself is written after the daemon has its routes.
        decidedAt: state.decidedAt,
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
        'the neighbors have the desired routes',
      )
    },
    withdrawn(changes) {
      measureTransitions(changes)
      const services = changes.map(({ service }) => service).join(', ')
      say(
        'warn',
        { event: 'withdrawn', changes: changes.map(withRoundedTime) },
        `no neighbor has the routes of ${services} any more, although the change did not succeed completely`,
      )
    },
    failed({ cause, message: detail, reply }) {
      metrics.reconcileFailures.inc({ cause })
      const drifted = cause === 'drift'
      const message = drifted ? `another program changed the announcements: ${detail}` : detail
      say(drifted ? 'warn' : 'error', { event: 'trouble', cause, reply }, message)
    },
    observed(observation) {
      metrics.observed.set(clock.wall() / 1000)
      for (const seen of observation.neighbors) {
        const { neighbor, session } = seen
        metrics.sessionUp.set({ neighbor }, session === 'up' ? 1 : 0)
        setAnnounced(seen)
        if (isReported(`session ${neighbor}`, session)) continue
        const level = session === 'up' ? 'info' : 'warn'
        say(level, { event: 'session', neighbor, session }, `the session to ${neighbor} is ${session}`)
      }
    },
    permitAnswered(service, answer, waitedMs) {
      if (answer === 'granted') metrics.permitWait.observe({ service }, waitedMs / 1000)
      if (answer === 'refused') metrics.permitRefusals.inc({ service })
    },
    intended({ intent, source, reason, until, by, forcedBy }) {
      const facts = { event: 'operator', intent, source, reason, until, by, forcedBy }
      const who = source === 'calendar' ? 'the calendar' : `the operator${by === null ? '' : ` ${by}`}`
      const why = reason === null ? '' : ` (${reason})`
      const forced = forcedBy === null ? '' : `, without a permit, by ${forcedBy}`
      say(
        'warn',
        facts,
        source === null
          ? 'no order and no maintenance window is active any more: the node serves'
          : `${who} orders ${intent}${why}${forced}`,
      )
    },
  }
}

/** The services' prefixes that may be advertised to a neighbor. */
function listSeries(manifest: Manifest, permitted: readonly string[]): { service: string; prefix: string }[] {
  const may = new Set(permitted)
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

/** With these causes the daemon has not answered at all. */
const silent: readonly string[] = ['not-running', 'timeout', 'disconnected', 'permission']
const failureCauses = [...silent, 'refused', 'protocol', 'file', 'drift', 'unexpected']

const healthStates = ['unknown', 'healthy', 'impaired', 'unhealthy'] as const

/** Sets the metrics that come from the status, at the time of a scrape. */
export function measureStatus(status: NodeStatus, metrics: Metrics): void {
  metrics.verified.set(status.daemon.verified ? 1 : 0)
  const cause = status.daemon.trouble?.cause ?? ''
  metrics.daemonUp.set(silent.includes(cause) ? 0 : 1)
  // The sessions of one that does not run are closed. Of one that does not answer they are not known, until they are observed again.
  if (silent.includes(cause) && cause !== 'not-running') metrics.sessionUp.reset()
  metrics.lateProbes.reset()
  for (const { name: service, health, loss, holdDown, drain, late } of status.services) {
    for (const state of healthStates) metrics.serviceHealth.set({ service, state }, health === state ? 1 : 0)
    metrics.probeLoss.set({ service }, loss)
    metrics.flaps.set({ service }, holdDown.flaps)
    metrics.holdDown.set({ service }, (holdDown.leftMs ?? 0) / 1000)
    metrics.lateProbes.inc({ service }, late.total)
    for (const stage of drainStages) metrics.drain.set({ service, stage }, drain.stage === stage ? 1 : 0)
  }
  metrics.permitHeld.reset()
  metrics.fenced.reset()
  for (const { name: service, permit, fenced } of status.services) {
    if (permit !== null) metrics.permitHeld.set({ service }, permit.held ? 1 : 0)
    if (fenced !== null) metrics.fenced.set({ service }, fenced ? 1 : 0)
  }
  const isStoreUp = status.store?.ok ?? null
  if (isStoreUp === null) metrics.storeUp.remove()
  else metrics.storeUp.set(isStoreUp ? 1 : 0)
  measureRescue(status, metrics)
  const { active, next } = status.maintenance
  metrics.maintenance.set(active === null ? 0 : 1)
  if (next === null) metrics.maintenanceNext.remove()
  else metrics.maintenanceNext.set(Date.parse(next.start) / 1000)
  if (status.guard === null) metrics.guard.remove()
  else metrics.guard.set(status.guard.holding ? 1 : 0)
  metrics.heldAddresses.set(status.heldAddresses.length)
}

function measureRescue({ node: self, rescue }: NodeStatus, metrics: Metrics): void {
  for (const gauge of [metrics.rosterEntries, metrics.rosterAge, metrics.rosterStreamUp, metrics.clockSkew])
    gauge.reset()
  if (rescue === null) metrics.rescueUp.remove()
  else metrics.rescueUp.set(rescue.problem === null ? 1 : 0)
  const strays = rescue?.strays ?? null
  if (strays === null) metrics.strayWatchUp.remove()
  else metrics.strayWatchUp.set(strays.ok ? 1 : 0)
  for (const { node, entries, ageMs, up, skewMs } of rescue?.nodes ?? []) {
    metrics.rosterEntries.set({ node }, entries)
    if (ageMs !== null) metrics.rosterAge.set({ node }, ageMs / 1000)
    if (up !== null) metrics.rosterStreamUp.set({ node }, up ? 1 : 0)
    // What was learned of a stream that is down is old.
    if (skewMs !== null && node !== self && up !== false) metrics.clockSkew.set({ node }, skewMs / 1000)
  }
}
