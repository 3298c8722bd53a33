import type { WaveSettings } from '../sites/fleet.ts'

export interface Member {
  readonly node: string
  readonly site: string
}

export interface Wave {
  readonly name: string
  readonly nodes: readonly Member[]
}

/**
 * The waves of a rollout: each node that changes is in exactly one, and the first wave is a single node, the canary. A
 * share counts all nodes of the fleet, so that it does not depend on what changes. No wave is empty.
 * @param fleet all nodes, in their order
 */
export function buildWaves(
  settings: readonly WaveSettings[],
  fleet: readonly Member[],
  changing: ReadonlySet<string>,
): Wave[] {
  const left = new Map(fleet.map((member) => [member.node, member]))
  // A node that a later wave names belongs to that one, and not to a share before it.
  const named = new Set(settings.flatMap(({ nodes }) => nodes ?? []))
  const namedSites = new Set(settings.flatMap(({ sites }) => sites ?? []))
  const take = (members: readonly Member[]) => {
    for (const { node } of members) left.delete(node)
    return members
  }
  const waves = settings.map((wave): Wave => {
    const free = [...left.values()]
    return { name: wave.name, nodes: take(membersOf(wave, free)) }
  })
  waves.push({ name: nameFor('rest', settings), nodes: [...left.values()] })
  const filled = waves
    .map(({ name, nodes }) => ({ name, nodes: nodes.filter(({ node }) => changing.has(node)) }))
    .filter(({ nodes }) => nodes.length > 0)
  return separateCanary(filled)

  function membersOf({ nodes, sites, share }: WaveSettings, free: readonly Member[]): readonly Member[] {
    if (nodes !== null) return free.filter(({ node }) => nodes.includes(node))
    if (sites !== null) return free.filter(({ node, site }) => sites.includes(site) && !named.has(node))
    // Without the rounding error of 7% of 100.
    const size = Math.max(1, Math.ceil((share ?? 0) * fleet.length - 1e-9))
    return free.filter(({ node, site }) => !named.has(node) && !namedSites.has(site)).slice(0, size)
  }
}

function separateCanary(waves: readonly Wave[]): Wave[] {
  const [first, ...others] = waves
  if (first === undefined || first.nodes.length === 1) return [...waves]
  const [canary, ...rest] = first.nodes
  return [{ name: nameFor('canary', waves), nodes: [canary!] }, { name: first.name, nodes: rest }, ...others]
}

function nameFor(wanted: string, taken: readonly { readonly name: string }[]): string {
  const names = new Set(taken.map(({ name }) => name))
  let name = wanted
  for (let number = 2; names.has(name); number += 1) name = `${wanted}-${number}`
  return name
}
