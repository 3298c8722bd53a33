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

export type ScenarioName = (typeof scenarioNames)[number]
