import { hostname } from 'node:os'
import { systemClock } from '../../clock/clock.ts'
import { endpoints } from '../../control/endpoints.ts'
import type { FleetStatus } from '../../control/fleet-status.ts'
import type { FleetEventList } from '../../control/page/page-state.ts'
import { jsonReply, type Route } from '../../control/route.ts'
import { describeFleet } from '../../fleet/exchange/describe-fleet.ts'
import { FleetReader } from '../../fleet/exchange/fleet-reader.ts'
import { timesFor } from '../../fleet/exchange/times.ts'
import type { Fleet } from '../sites/fleet.ts'
import { openPlannerStore } from './rollout/reach.ts'

export interface FleetPage {
  readonly routes: readonly Route[]
  readonly close: () => Promise<void>
}

/** What the planner shows of the fleet in its store; `null`: it has none. Throws OperationError if its keys cannot be read. */
export async function openFleetPage(fleet: () => Fleet, storeKeys: string | null): Promise<FleetPage | null> {
  const { store: settings } = fleet()
  if (settings === null) return null
  const store = await openPlannerStore(settings, storeKeys)
  const own = { site: hostname(), node: 'the planner' }
  const reader = new FleetReader({
    store,
    clock: systemClock,
    self: own,
    times: timesFor(settings.beatEveryMs),
  })
  const describe = (): FleetStatus => {
    const services = fleet().services.map(({ name, safety }) => ({ name, minSites: safety.minSites }))
    return describeFleet({ ...own, services }, reader.look(), systemClock.wall())
  }
  const answer = () => jsonReply(200, describe())
  return {
    routes: [
      { ...endpoints.fleet, answer },
      { ...endpoints.fleetLive, answer },
      { ...endpoints.fleetEvents, answer: () => jsonReply(200, reader.changes() satisfies FleetEventList) },
    ],
    close: async () => {
      reader.close()
      await store.close()
    },
  }
}
