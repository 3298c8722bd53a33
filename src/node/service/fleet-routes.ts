import { systemClock } from '../../clock/clock.ts'
import { endpoints } from '../../control/endpoints.ts'
import type { FleetStatus } from '../../control/fleet-status.ts'
import type { FleetEventList } from '../../control/page/page-state.ts'
import { jsonReply, type Route } from '../../control/route.ts'
import type { FleetSnapshot } from '../../fleet/exchange/fleet-member.ts'
import type { NodeView } from '../../fleet/exchange/fleet-view.ts'
import type { NodeReport } from '../../fleet/exchange/node-report.ts'
import { RolloutReader } from '../../fleet/rollout/rollout-reader.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Say } from '../../telemetry/say.ts'
import { visible } from '../../text/wording.ts'
import type { Membership } from './join-fleet.ts'

const longestProblem = 500

type Own = Pick<Manifest, 'node' | 'site'> & {
  readonly services: readonly Pick<Manifest['services'][number], 'name' | 'minSites'>[]
}

/** What a controller serves of the fleet, and an operator's order to it. */
export function fleetRoutes(own: Own, membership: Membership, say: Say): Route[] {
  const rollouts = new RolloutReader(membership.store, systemClock)
  const answer = () => jsonReply(200, describeFleet(own, membership.look()))
  return [
    { ...endpoints.fleet, answer },
    { ...endpoints.fleetLive, answer },
    {
      ...endpoints.fleetEvents,
      answer: () => {
        const { sinceMs, count, events } = membership.changes()
        const list: FleetEventList = { since: isoTime(sinceMs), count, events }
        return jsonReply(200, list)
      },
    },
    { ...endpoints.rollout, answer: async () => jsonReply(200, await rollouts.read()) },
    {
      ...endpoints.permitRemoval,
      async answer(body) {
        const { permitRemovalSchema } = await import('../../control/fleet-status.ts')
        const order = permitRemovalSchema.safeParse(body)
        if (!order.success) return jsonReply(400, { error: 'not an order to remove a permit' })
        const { service, site, node, by, reason } = order.data
        const removal = await membership.removeHolder(service, { site, node })
        const facts = { event: 'permit-removed', service, holder: `${site}/${node}`, by, reason }
        if (removal.outcome === 'removed')
          say('warn', facts, `${by} has removed ${site}/${node} from the register of ${service}: ${reason}`)
        return jsonReply(200, removal)
      },
    },
  ]
}

export function describeFleet(own: Own, found: FleetSnapshot): FleetStatus {
  const { ok, sinceMs, problem } = found.store
  const usual = median(found.nodes.flatMap(({ clockAheadMs, stale }) => (stale ? [] : (clockAheadMs ?? []))))
  return {
    version: 1,
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
    time: isoTime(systemClock.wall()),
  }
}

function describeNode(view: NodeView, usualAheadMs: number): FleetStatus['nodes'][number] {
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
