import type { Manifest } from '../planner/manifest.ts'
import type { OperatorIntent } from './intent.ts'
import type { Reconciler } from './reconciler.ts'
import type { ServiceState } from './service-state.ts'

export type NodeStatus = ReturnType<typeof buildStatus>

/** What `anyward status --json` and /status show. Times are ISO 8601; `announced` is what was observed. */
export function buildStatus(input: {
  manifest: Manifest
  services: Iterable<ServiceState>
  reconciler: Reconciler
  intent: OperatorIntent
  daemonVersion: string | null
  now: number
  wall: number
}) {
  const { manifest, reconciler, intent, now, wall } = input
  const observed = reconciler.observation?.neighbors ?? []
  return {
    node: manifest.node,
    site: manifest.site,
    services: [...input.services].map((state) => ({
      name: state.service.name,
      health: state.health.status,
      decision: state.decision.decision,
      reason: state.decision.reason,
      detail: state.decision.detail,
      since: isoTime(state.decidedAt),
      announced: observed.flatMap(({ neighbor, announced }) =>
        announced
          .filter((prefix) => state.service.prefixes.includes(prefix))
          .map((prefix) => ({ neighbor, prefix })),
      ),
      checks: state.checks(),
      probe: state.lastProbe,
    })),
    neighbors: manifest.neighbors.map(({ name, address }) => ({
      name,
      address,
      session: observed.find((neighbor) => neighbor.neighbor === name)?.session ?? 'unknown',
    })),
    operator: {
      intent: intent.intent,
      reason: intent.reason,
      until: intent.until === null ? null : isoTime(intent.until),
    },
    daemon: {
      kind: manifest.daemon,
      version: input.daemonVersion,
      /** Whether the neighbors were told just what was decided, when they were last looked at. */
      verified: reconciler.verified,
      observedAgoMs: reconciler.observedAt === null ? null : Math.round(now - reconciler.observedAt),
      trouble: reconciler.trouble,
    },
    time: isoTime(wall),
  }
}

function isoTime(wall: number): string {
  return new Date(wall).toISOString()
}
