import type { Address, Family } from '../../net/prefix.ts'
import type { Fleet, FleetNode, Neighbor } from '../../plan/sites/fleet.ts'
import type { NodePeer } from './model.ts'

/** One end of a session between two nodes of the fleet. */
interface End {
  readonly node: FleetNode
  readonly nodeIndex: number
  /** Its place among the node's neighbors. */
  readonly at: number
  readonly neighbor: Neighbor & { readonly address: Address }
}

/**
 * The sessions between two nodes of the fleet: the neighbor's address of each is the local address of the other. Each gets
 * a link of its own, and no router. By node.
 */
export function joinNodes(fleet: Fleet): ReadonlyMap<string, readonly NodePeer[]> {
  const byAddresses = new Map<string, End>()
  const peers = new Map<string, NodePeer[]>()
  let links = 0
  for (const end of endsOf(fleet)) {
    const { address, localAddress } = end.neighbor
    if (localAddress === null) continue
    const other = byAddresses.get(keyOf(address, localAddress))
    if (other === undefined || other.node === end.node) {
      byAddresses.set(keyOf(localAddress, address), end)
      continue
    }
    byAddresses.delete(keyOf(address, localAddress))
    links += 1
    for (const [here, there] of [
      [end, other],
      [other, end],
    ] as const) {
      const known = peers.get(here.node.name) ?? []
      known.push(describe(here, there, `p${links}`))
      peers.set(here.node.name, known)
    }
  }
  return peers
}

function describe(here: End, there: End, bridge: string): NodePeer {
  return {
    neighbor: here.neighbor.name,
    node: there.node.name,
    neighborThere: there.neighbor.name,
    family: here.neighbor.address.family satisfies Family,
    bridge,
    interface: `up${here.at}`,
    port: `n${here.nodeIndex}u${here.at}`,
    address: here.neighbor.localAddress!,
    peerAddress: here.neighbor.address,
  }
}

function keyOf(from: Address, to: Address): string {
  return `${from} ${to}`
}

function endsOf(fleet: Fleet): End[] {
  const nodes = fleet.sites.flatMap((site) => site.nodes)
  return nodes.flatMap((node, index) =>
    node.neighbors.flatMap((neighbor, at) => {
      const { address } = neighbor
      // A link-local address is that of many routers: it does not tell which node is meant.
      if (address === null || neighbor.interface !== null) return []
      return [{ node, nodeIndex: index + 1, at, neighbor: { ...neighbor, address } }]
    }),
  )
}
