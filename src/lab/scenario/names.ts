/** In the order in which they run. Apart from the scenarios, so that `--help` need not load the lab. */
export const scenarioNames = [
  'wireguard-down',
  'wireguard-hung',
  'wrong-key',
  'peer-missing',
  'daemon-restart',
  'controller-killed',
  'controller-dead',
  'node-crash',
  'drain',
] as const

/** Of the whole fleet: `all-sites-bad` needs a store, and `bad-rollout` takes minutes. */
export const fleetScenarioNames = ['all-sites-bad', 'bad-rollout'] as const

export type ScenarioName = (typeof scenarioNames)[number]
export type FleetScenarioName = (typeof fleetScenarioNames)[number]

export function isFleetScenario(name: string): name is FleetScenarioName {
  return fleetScenarioNames.some((one) => one === name)
}
