import type { Manifest } from '../../manifest/manifest.ts'
import { hashOf, heaviest } from '../../net/rendezvous.ts'
import type { Fleet } from '../sites/fleet.ts'

export type NodeRescue = NonNullable<Manifest['rescue']>

/** Up to so many nodes, each of them has a stream to each of the others. */
export const mostInFullMesh = 50
const relayCount = 2

/**
 * Which node of the fleet is where, for the streams of their rosters, by the name of each node that serves; empty without
 * `rescue`. In a large fleet, two nodes of different sites are relays, those with the highest weights, so that other nodes
 * change that rarely.
 */
export function placeRosters({ rescue, sites }: Fleet): ReadonlyMap<string, NodeRescue> {
  if (rescue === null) return new Map()
  const { port, caFile, certFile, keyFile } = rescue
  const nodes = sites
    .flatMap((site) => site.nodes.map((node) => ({ ...node, site: site.name })))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const placed = nodes.flatMap(({ name, site, services, unicast }) => {
    if (services.length === 0 || unicast === null) return []
    return [{ name, site, address: unicast.toString(), port, services: services.toSorted() }]
  })
  const relays = placed.length <= mostInFullMesh ? [] : chooseRelays(placed)
  return new Map(
    placed.map(({ name, address }) => [
      name,
      {
        ...{ caFile, certFile, keyFile, relays },
        listen: { address, port },
        nodes: placed.filter((other) => other.name !== name),
      },
    ]),
  )
}

function chooseRelays(placed: readonly { readonly name: string; readonly site: string }[]): string[] {
  const target = hashOf('relay')
  const sites = [...new Set(placed.map(({ site }) => site))].map((site) => ({ site, hash: hashOf(site) }))
  const chosen = heaviest(sites, target, relayCount).flatMap(({ site }) => {
    const there = placed.filter((node) => node.site === site)
    return heaviest(
      there.map(({ name }) => ({ name, hash: hashOf(name) })),
      target,
      sites.length === 1 ? relayCount : 1,
    )
  })
  return chosen.map(({ name }) => name).sort()
}
