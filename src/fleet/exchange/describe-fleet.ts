import { visible } from '../../text/wording.ts'
import type { FleetSnapshot } from './fleet-member.ts'
import type { NodeView } from './fleet-view.ts'
import type { NodeName } from './keys.ts'
import type { NodeReport } from './node-report.ts'

const longestProblem = 500

/** The one that reads, and the services whose permits it knows the rule of. */
type Own = NodeName & {
  readonly services: readonly { readonly name: string; readonly minSites: number }[]
}

/** What a reader shows of the fleet: the document of `/fleet`. */
export function describeFleet(own: Own, found: FleetSnapshot, wallMs: number) {
  const { ok, sinceMs, problem } = found.store
  const usual = median(found.nodes.flatMap(({ clockAheadMs, stale }) => (stale ? [] : (clockAheadMs ?? []))))
  return {
    version: 1 as const,
    node: own.node,
    site: own.site,
    store: {
      ok,
      since: isoTime(sinceMs),
      problem: problem === null ? null : visible(problem, longestProblem),
    },
    nodes: found.nodes.map((node) => describeNode(node, usual)),
    permits: found.permits,
    changes: found.changes,
    minSites: own.services.map(({ name, minSites }) => ({ service: name, minSites })),
    time: isoTime(wallMs),
  }
}

function describeNode(view: NodeView, usualAheadMs: number) {
  const services = view.report?.services ?? []
  const [worst] = [...services].sort((a, b) => badness(b) - badness(a))
  return {
    site: view.site,
    node: view.node,
    ageMs: view.ageMs,
    stale: view.stale,
    clockAheadMs: view.clockAheadMs === null ? null : Math.round(view.clockAheadMs - usualAheadMs),
    health: worst?.health ?? null,
    decision: worst?.decision ?? null,
    reason: worst?.reason ?? null,
    announced: services.flatMap(({ announced }) => announced),
    serial: view.report?.serial ?? null,
    services,
  }
}

const ofDecision = { announce: 0, hold: 1, degrade: 2, withdraw: 3 } as const
const ofHealth = { healthy: 0, unknown: 1, impaired: 2, unhealthy: 3 } as const

/** What is announced counts more than what the probe says. */
function badness({ decision, health }: NodeReport['services'][number]): number {
  return 10 * ofDecision[decision] + ofHealth[health]
}

/** Also of the reader itself, so that a reader whose own clock is wrong finds itself. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted.length === 0 ? 0 : sorted[Math.floor((sorted.length - 1) / 2)]!
}

function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString()
}
