import type { Manifest } from '../../manifest/manifest.ts'
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

/** Of equal weights the first. Not by sorting: a thousand sites are weighed for each of a thousand nodes. */
function heaviest<T extends { readonly hash: number }>(
  all: readonly T[],
  target: number,
  count: number,
): readonly T[] {
  const found: { of: T; weight: number }[] = []
  for (const of of all) {
    const weight = mix(target ^ mix(of.hash))
    if (found.length === count && weight <= found.at(-1)!.weight) continue
    const at = found.findIndex((other) => other.weight < weight)
    found.splice(at === -1 ? found.length : at, 0, { of, weight })
    if (found.length > count) found.pop()
  }
  return found.map(({ of }) => of)
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/** The finalizer of MurmurHash3: similar names get unrelated weights. */
function mix(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
