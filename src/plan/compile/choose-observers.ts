import type { Manifest } from '../../manifest/manifest.ts'
import { hashOf, heaviest } from '../../net/rendezvous.ts'
import type { Fleet, FleetNode } from '../sites/fleet.ts'

export type NodeRemote = NonNullable<Manifest['remote']>

interface Placed {
  readonly node: FleetNode
  readonly site: string
  readonly hash: number
}

interface ServingSite {
  readonly name: string
  readonly hash: number
  readonly nodes: readonly Placed[]
}

/**
 * Which nodes probe which others, by the name of each node; empty without `remote`. Those who probe a node serve the same
 * service at other sites: one node of each of the `observers` sites that have the highest weights for it (rendezvous
 * hashing). So the probes of a node do not grow with the fleet, all nodes have about as many targets, and a site
 * that is added or removed changes the bundles of few others.
 */
export function chooseObservers({ remote, services, sites }: Fleet): ReadonlyMap<string, NodeRemote> {
  if (remote === null) return new Map()
  const nodes = sites.flatMap((site) =>
    site.nodes.map((node): Placed => ({ node, site: site.name, hash: hashOf(node.name) })),
  )
  const chosen = new Map(
    nodes.map(({ node }): [string, NodeRemote] => [
      node.name,
      {
        ...{ intervalMs: remote.intervalMs, degrade: remote.degrade },
        ...{ targets: [], observers: [], keys: [...node.probeKeys] },
      },
    ]),
  )
  for (const { name: service } of services.toSorted((a, b) => compare(a.name, b.name))) {
    const serving = sitesOf(nodes.filter(({ node }) => node.services.includes(service)))
    for (const { node: target, site, hash } of serving.flatMap((place) => place.nodes)) {
      if (target.unicast === null) continue
      const others = serving.filter(({ name }) => name !== site)
      for (const place of heaviest(others, hash, remote.observers)) {
        const [observer] = heaviest(place.nodes, hash, 1)
        const { node } = observer!
        const address = target.unicast.toString()
        chosen.get(node.name)!.targets.push({ service, site, node: target.name, address })
        const { publicKey = null } = node.probeKeys.find((key) => key.service === service) ?? {}
        chosen.get(target.name)!.observers.push({ service, site: place.name, node: node.name, publicKey })
      }
    }
  }
  return chosen
}

/** By name, so that the order of the files does not matter. */
function sitesOf(serving: readonly Placed[]): ServingSite[] {
  const bySite = new Map<string, Placed[]>()
  for (const placed of serving.toSorted((a, b) => compare(a.node.name, b.node.name))) {
    bySite.set(placed.site, [...(bySite.get(placed.site) ?? []), placed])
  }
  return [...bySite]
    .map(([name, nodes]) => ({ name, hash: hashOf(name), nodes }))
    .sort((a, b) => compare(a.name, b.name))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
