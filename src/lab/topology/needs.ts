import type { Fleet } from '../../plan/sites/fleet.ts'
import type { LabNode } from './model.ts'
import { uniqueInterface } from './names.ts'
import { usesIpv6 } from './unicast.ts'

/**
 * What a node of this fleet has of the lab from its start, and no bundle changes: each as a phrase. A bundle of another fleet
 * runs on the node if the node has all that it needs there.
 */
export function needsOf(fleet: Fleet, node: LabNode): string[] {
  const { neighbors, services } = fleet.sites
    .flatMap((site) => site.nodes)
    .find(({ name }) => name === node.name)!
  return [
    `the site ${node.site}`,
    `the daemon ${node.daemon}`,
    `place ${node.index} among the nodes`,
    ...node.links.map(({ neighbor, nodeAddress, routerAddress, nodeInterface, vrf }) => {
      const isNamed = neighbors.some((one) => one.name === neighbor && one.interface !== null)
      const where = [isNamed ? ` on ${nodeInterface}` : '', vrf === null ? '' : ` in the VRF ${vrf}`].join('')
      return `the link ${nodeAddress} -- ${routerAddress} to ${neighbor}${where}`
    }),
    ...node.peers.map((peer) => `the link ${peer.address} -- ${peer.peerAddress} to the node ${peer.node}`),
    ...fleet.services
      .filter(({ name }) => services.includes(name))
      .flatMap((service) => {
        const { name, anycast, wireguard, probe } = service
        const interfaceName = uniqueInterface(fleet, service, node.index)
        const kind = probe.presharedKeyFile === null ? '' : ' with a preshared key'
        return [
          ...anycast.map((prefix) => `the address ${prefix} of ${name}`),
          `the WireGuard of ${name}: ${interfaceName}, port ${wireguard.port}, ${wireguard.addresses.join(', ')}`,
          `the peer ${probe.address}${kind} in the WireGuard of ${name}`,
        ]
      }),
    ...(fleet.remote === null ? [] : ['the store that `remote` needs: `anyward lab up --store`']),
    ...(fleet.rescue === null ? [] : ['the certificates that `rescue` needs']),
    ...(usesIpv6(fleet) ? ['IPv6 between nodes, for `unicast`'] : []),
    ...(fleet.rpki?.caches ?? []).map((_, at) => `the RPKI cache ${at + 1}`),
  ]
}

/** A line for each need of the fleet's nodes that the lab does not meet. */
export function findLacks(
  nodes: readonly { readonly name: string; readonly needs: readonly string[] }[],
  lab: readonly { readonly name: string; readonly has: readonly string[] }[],
): string[] {
  return nodes.flatMap(({ name, needs }) => {
    const has = lab.find((node) => node.name === name)?.has
    if (has === undefined) return [`${name}: the node itself`]
    return needs.filter((need) => !has.includes(need)).map((need) => `${name}: ${need}`)
  })
}
