import type { NodeStatus } from '../../control/status.ts'
import { mostSightings, type NodeReport, type Sighting } from '../../fleet/exchange/node-report.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Say } from '../../telemetry/say.ts'
import type { RemoteProbes } from '../probe/remote/remote-probes.ts'
import type { Membership } from './join-fleet.ts'
import { createRemoteReporter } from './report-remote.ts'

const mostAnnounced = 1000

/**
 * Gives the fleet what this node says of itself, and of the endpoints that it probes at other sites. Resolves with these
 * probes; `null`: none. Throws OperationError if their key cannot be read.
 */
export async function describeSelf(
  manifest: Manifest,
  membership: Membership | null,
  readStatus: () => NodeStatus,
  outputs: { readonly say: Say; readonly metrics: Metrics },
): Promise<RemoteProbes | null> {
  if (membership === null) return null
  const { remote } = manifest
  const probes =
    remote === null ? null : await (await import('./observe-remote.ts')).observeRemote(manifest, remote)
  const report = createRemoteReporter(outputs.say, outputs.metrics)
  membership.describeBy(() => {
    const status = readStatus()
    const sightings = probes?.sightings() ?? null
    report(status, sightings ?? [])
    return describeOwn(status, sightings)
  })
  return probes
}

/** What a node says of itself in the store. */
export function describeOwn(
  { serial, services }: NodeStatus,
  remote: readonly Sighting[] | null,
): NodeReport {
  return {
    serial,
    services: services.map(({ name, health, decision, reason, announced }) => ({
      ...{ name, health, decision, reason, announced: announced.slice(0, mostAnnounced) },
    })),
    ...(remote === null ? {} : { remote: remote.slice(0, mostSightings) }),
  }
}
