import type { Clock } from '../../clock/clock.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { readCertificateEnds } from './certificate-ends.ts'
import type { Membership } from './join-fleet.ts'

const readCertificatesEveryMs = 60_000

interface MeasureParts {
  readonly manifest: Manifest
  readonly membership: Pick<Membership, 'stale'> | null
  readonly clock: Pick<Clock, 'now'>
  readonly metrics: Metrics
}

/** Sets, at the time of a scrape, the metrics of the node that are not in the status. Never rejects. */
export function createMeasure({ manifest, membership, clock, metrics }: MeasureParts): () => Promise<void> {
  let certificatesReadAt = Number.NEGATIVE_INFINITY
  return async () => {
    metrics.staleBeatAge.reset()
    for (const { site, node, ageMs } of membership?.stale() ?? [])
      metrics.staleBeatAge.set({ site, node }, ageMs / 1000)
    if (clock.now() - certificatesReadAt < readCertificatesEveryMs) return
    certificatesReadAt = clock.now()
    const ends = await readCertificateEnds(manifest)
    metrics.certificateExpiry.reset()
    for (const [certificate, endMs] of ends) metrics.certificateExpiry.set({ certificate }, endMs / 1000)
  }
}
