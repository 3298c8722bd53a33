import { systemClock } from '../../clock/clock.ts'
import { endpoints } from '../../control/endpoints.ts'
import type { FleetStatus } from '../../control/fleet-status.ts'
import type { FleetEventList } from '../../control/page/page-state.ts'
import { jsonReply, type Route } from '../../control/route.ts'
import { describeFleet } from '../../fleet/exchange/describe-fleet.ts'
import { RolloutReader } from '../../fleet/rollout/rollout-reader.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Say } from '../../telemetry/say.ts'
import type { Membership } from './join-fleet.ts'

/** What a controller serves of the fleet, and an operator's order to it. */
export function fleetRoutes(
  own: Pick<Manifest, 'node' | 'site' | 'services'>,
  membership: Membership,
  say: Say,
): Route[] {
  const rollouts = new RolloutReader(membership.store, systemClock)
  const answer = () =>
    jsonReply(200, describeFleet(own, membership.look(), systemClock.wall()) satisfies FleetStatus)
  return [
    { ...endpoints.fleet, answer },
    { ...endpoints.fleetLive, answer },
    {
      ...endpoints.fleetEvents,
      answer: () => jsonReply(200, membership.changes() satisfies FleetEventList),
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
