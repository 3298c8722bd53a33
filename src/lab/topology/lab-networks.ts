import { type Address, type Prefix, parsePrefix } from '../../net/prefix.ts'
import type { Fleet } from '../../plan/sites/fleet.ts'
import { TopologyError } from './topology-error.ts'

function network(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (!parsed.ok) throw new Error(`${text} ${parsed.problem}`)
  return parsed.value
}

/** The addresses that the lab itself uses: management and caches, clients and core. */
const labNetworks = ['100.127.0.0/16', '198.18.0.0/15', '2001:2::/48'].map(network)

/** Throws a TopologyError for each address of the fleet that the lab uses too, with its place. */
export function refuseLabAddresses(fleet: Fleet): void {
  const clashes = fleet.sites.flatMap((site) =>
    site.nodes.flatMap((node, at) =>
      node.neighbors.flatMap((neighbor, place) =>
        (['address', 'localAddress'] as const).flatMap((key) => {
          const clash = clashOf(neighbor[key])
          return clash === null ? [] : [`${site.name}.yaml nodes[${at}].neighbors[${place}].${key}: ${clash}`]
        }),
      ),
    ),
  )
  if (clashes.length === 0) return
  throw new TopologyError(
    `the lab cannot run this fleet\n${clashes.join('\n')}`,
    'run the lab with a copy of the fleet that has other addresses there; a real node may have these',
  )
}

function clashOf(address: Address | null): string | null {
  const found = labNetworks.find((prefix) => address?.family === prefix.family && prefix.contains(address))
  return found === undefined ? null : `${address} is in ${found}, which the lab uses itself`
}
