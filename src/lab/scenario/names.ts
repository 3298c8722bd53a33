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

/** The scenario of the whole fleet; it needs a store. */
export const fleetScenarioName = 'all-sites-bad'

export type ScenarioName = (typeof scenarioNames)[number]
