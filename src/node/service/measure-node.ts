import type { Clock } from '../../clock/clock.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { RoutingCounts } from '../routing/daemon.ts'
import { agentFileOf, readAgentState, writeAgentEveryMs } from './agent-file.ts'
import { BackgroundReading } from './background-reading.ts'
import { readCertificateEnds } from './certificate-ends.ts'
import type { Membership } from './join-fleet.ts'
import type { WireguardMeasure } from './measure-wireguard.ts'

const readCertificatesEveryMs = 60_000
const countRoutesEveryMs = 5000
const readAgentEveryMs = 1000
/** Each clock is seen by so many nodes: with all of them, a fleet would have as many series as the square of its nodes. */
const mostClocks = 16

interface MeasureParts {
  readonly manifest: Manifest
  readonly membership: Pick<Membership, 'stale' | 'clocks'> | null
  readonly wireguard: Pick<WireguardMeasure, 'measure'>
  readonly counts: Pick<RoutingCounts, 'look'>
  readonly clock: Pick<Clock, 'now' | 'wall'>
  readonly metrics: Metrics
}

/** Sets, at the time of a scrape, the metrics of the node that are not in the status. No disk, daemon or program is waited for. */
export function createMeasure(parts: MeasureParts): () => void {
  const { manifest, membership, wireguard, counts, clock, metrics } = parts
  const routes = new BackgroundReading(() => counts.look(), countRoutesEveryMs, clock)
  const measureRoutes = () => {
    const found = routes.get()
    metrics.routesReceived.reset()
    metrics.routesSent.reset()
    for (const [neighbor, { received, sent }] of found?.neighbors ?? []) {
      metrics.routesReceived.set({ neighbor }, received)
      metrics.routesSent.set({ neighbor }, sent)
    }
    // FRR's is watched.
    if (manifest.daemon !== 'bird') return
    const cacheUp = found === null && manifest.rpki ? Number.NaN : (found?.cacheUp ?? null)
    if (cacheUp === null) metrics.rpkiCacheUp.remove()
    else metrics.rpkiCacheUp.set(Number(cacheUp))
  }
  const readAgent = () => readAgentState(agentFileOf(manifest.paths.runtimeDir))
  const agent = new BackgroundReading(readAgent, readAgentEveryMs, clock)
  const measureAgent = () => {
    const found = agent.get()
    for (const metric of [metrics.agentWritten, metrics.agentStoreUp]) metric.remove()
    metrics.agentChange.reset()
    if (found === null) return
    const { writtenMs, storeUp, change } = found
    metrics.agentWritten.set(writtenMs / 1000)
    const isRunning = clock.wall() - writtenMs < 3 * writeAgentEveryMs
    if (storeUp !== null && isRunning) metrics.agentStoreUp.set(storeUp ? 1 : 0)
    if (change !== null) metrics.agentChange.set({ outcome: change.outcome }, change.endedMs / 1000)
  }
  const certificates = new BackgroundReading(
    () => readCertificateEnds(manifest),
    readCertificatesEveryMs,
    clock,
  )
  const measureCertificates = () => {
    metrics.certificateExpiry.reset()
    for (const [certificate, endMs] of certificates.get() ?? [])
      metrics.certificateExpiry.set({ certificate }, endMs / 1000)
  }
  const measureClocks = () => {
    // With session rescue, its streams know them.
    if (manifest.rescue !== null) return
    for (const { node, aheadMs } of clocksAfter(manifest.node, membership?.clocks() ?? []))
      metrics.clockSkew.set({ node }, aheadMs / 1000)
  }
  return () => {
    metrics.staleBeatAge.reset()
    for (const { site, node, ageMs } of membership?.stale() ?? [])
      metrics.staleBeatAge.set({ site, node }, ageMs / 1000)
    measureClocks()
    wireguard.measure()
    measureRoutes()
    measureAgent()
    measureCertificates()
  }
}

/** Of the nodes that follow this one by name, and after the last those from the first on. */
function clocksAfter<T extends { readonly node: string }>(self: string, clocks: readonly T[]): T[] {
  const sorted = clocks.filter(({ node }) => node !== self).sort((a, b) => (a.node < b.node ? -1 : 1))
  const next = sorted.findIndex(({ node }) => node > self)
  return next < 0
    ? sorted.slice(0, mostClocks)
    : [...sorted.slice(next), ...sorted.slice(0, next)].slice(0, mostClocks)
}
