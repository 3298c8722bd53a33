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

/** What a client notices when it reaches another site. All but `ghost` need `rescue` in fleet.yaml. */
export const clientScenarioNames = [
  'site-change-told',
  'site-change-silent',
  'flap-back',
  'idle-client',
  'nat-client',
  'ghost',
] as const

/** Of the whole fleet: `all-sites-bad` needs a store, and `bad-rollout` takes minutes. */
export const fleetScenarioNames = ['all-sites-bad', 'bad-rollout'] as const

export type ScenarioName = (typeof scenarioNames)[number]
export type ClientScenarioName = (typeof clientScenarioNames)[number]
export type FleetScenarioName = (typeof fleetScenarioNames)[number]

export function isFleetScenario(name: string): name is FleetScenarioName {
  return fleetScenarioNames.some((one) => one === name)
}
