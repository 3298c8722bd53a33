import { clientScenarios } from '../../lab/scenario/client/client-scenarios.ts'
import { needsRescue } from '../../lab/scenario/client/obstacle.ts'
import {
  clientScenarioNames,
  type FleetScenarioName,
  fleetScenarioNames,
  isFleetScenario,
  scenarioNames,
} from '../../lab/scenario/names.ts'
import type { Scenario } from '../../lab/scenario/scenario.ts'
import { scenarios } from '../../lab/scenario/scenarios.ts'
import { CommandError } from '../failure.ts'

export interface Chosen {
  readonly scenarios: readonly Scenario[]
  readonly fleetScenarios: readonly FleetScenarioName[]
}

interface LabFacts {
  readonly hasStore: boolean
  readonly hasRescue: boolean
}

const ofStore: FleetScenarioName = 'all-sites-bad'
const all = [...scenarios, ...clientScenarios]

/**
 * Those with these names; without names, all that the fleet allows and that take no minutes.
 * @param client whether clients are measured
 */
export function chooseScenarios(wanted: readonly string[], lab: LabFacts, client: boolean): Chosen {
  if (wanted.length === 0) {
    const isPossible = (one: Scenario) => one.client === undefined || (client && lab.hasRescue)
    return { scenarios: all.filter(isPossible), fleetScenarios: lab.hasStore ? [ofStore] : [] }
  }
  const chosen = {
    scenarios: wanted.filter((name) => !isFleetScenario(name)).map(requireScenario),
    fleetScenarios: wanted.filter(isFleetScenario),
  }
  if (chosen.fleetScenarios.includes(ofStore) && !lab.hasStore) {
    throw new CommandError(`${ofStore} needs a store`, {
      hint: 'add --store, or use a lab that was started with it',
    })
  }
  const impossible = chosen.scenarios.find(({ needs }) => needs === 'rescue' && !lab.hasRescue)
  if (impossible !== undefined) {
    throw new CommandError(`${impossible.name} is not possible with this fleet: ${needsRescue}`, {
      hint: 'add `rescue` to fleet.yaml, and `unicast` to each node: the lab has certificates of its own',
    })
  }
  return chosen
}

function requireScenario(name: string): Scenario {
  const found = all.find((scenario) => scenario.name === name)
  if (found !== undefined) return found
  throw new CommandError(`no scenario is called ${name}`, {
    hint: `there are ${[...scenarioNames, ...clientScenarioNames, ...fleetScenarioNames].join(', ')}`,
  })
}
