import type { Scenario, Stage } from '../scenario.ts'

/** Why a scenario about the client cannot run; `null`: it can. */
export function obstacleOf(
  { name, needs, client: setting, expects }: Pick<Scenario, 'name' | 'needs' | 'client' | 'expects'>,
  { manifest, node, client, state }: Pick<Stage, 'manifest' | 'node' | 'client' | 'state'>,
): string | null {
  const not = (why: string) => `${name} is not possible with this fleet: ${why}`
  if (needs === 'rescue' && manifest.rescue === null) return not(needsRescue)
  if (setting === undefined) return null
  if (client === null) return not(`${node.site} has no client in the lab`)
  const { service } = client
  const others = state.nodes.filter(
    (other) => other.site !== node.site && other.wireguard.some((one) => one.service === service),
  )
  if (others.length === 0) return not(`no other site serves ${service}, so the client has nowhere to go`)
  if (expects === 'kept' && client.router === null)
    return not(`${client.name} has no router of its own, whose route could move`)
  return null
}

export const needsRescue =
  'it has no `rescue` in fleet.yaml (docs/rescue.md), so clients wait for their own timers'
