import { Address, InterfaceAddress } from '../../net/prefix.ts'
import { type Fleet, familiesOf, type Service, type Site } from '../../plan/sites/fleet.ts'
import { constantAddress } from './addresses.ts'
import type { LabClient, LabRouter } from './model.ts'
import { maxFolderLength, uniqueNames } from './names.ts'
import { TopologyError } from './topology-error.ts'

/** The networks for benchmarks (RFC 2544, RFC 5180): no fleet announces them. */
const clientNetwork = { ipv4: constantAddress('198.18.0.0'), ipv6: constantAddress('2001:2::') }
const maxClients = 2 ** 14

/** One client a site, on the site's own edge. */
export function placeClients(
  fleet: Fleet,
  routers: readonly LabRouter[],
  takeNamespace: (name: string) => string,
): LabClient[] {
  const taken = new Map<string, Set<string>>()
  const takeFolder = uniqueNames(maxFolderLength)
  const clients: LabClient[] = []
  for (const site of fleet.sites) {
    const service = serviceOf(fleet, site)
    if (service === null) continue
    const index = clients.length + 1
    if (index > maxClients) throw new TopologyError(`the lab supports at most ${maxClients} sites`)
    const ipv4 = clientNetwork.ipv4.value + BigInt(index * 4)
    const ipv6 = clientNetwork.ipv6.value + (BigInt(index) << 64n)
    const tunnel = service.wireguard.addresses[0]!
    clients.push({
      name: `client-${site.name}`,
      site: site.name,
      service: service.name,
      index,
      namespace: takeNamespace(`aw-client-${site.name}`),
      folder: takeFolder(site.name),
      interface: `wgc${index}`,
      router: nearestRouter(site, service, routers),
      underlay: {
        ipv4: { gateway: new Address('ipv4', ipv4 + 1n), client: new Address('ipv4', ipv4 + 2n) },
        ipv6: { gateway: new Address('ipv6', ipv6 + 1n), client: new Address('ipv6', ipv6 + 2n) },
      },
      tunnelAddress: freeTunnelAddress(service, taken),
      server: tunnel.address,
    })
  }
  return clients
}

function serviceOf(fleet: Fleet, site: Site): Service | null {
  const served = new Set(site.nodes.flatMap((node) => node.services))
  return fleet.services.find((service) => served.has(service.name)) ?? fleet.services[0] ?? null
}

/** The name of the router that connects the site's client: prefers one that receives the service, eBGP and the endpoint's family. */
function nearestRouter(site: Site, service: Service, routers: readonly LabRouter[]): string | null {
  const family = service.anycast[0]!.family
  // Another node of the fleet is a neighbor without a router.
  const all = site.nodes.flatMap((node) =>
    node.neighbors.flatMap((neighbor) => {
      const router = routers.find(({ links }) =>
        links.some((link) => link.node === node.name && link.neighbor === neighbor.name),
      )
      return router === undefined ? [] : [{ ...neighbor, router: router.name }]
    }),
  )
  const receiving = all.filter(({ services }) => services === null || services.includes(service.name))
  const neighbors = receiving.length > 0 ? receiving : all
  const nearest =
    neighbors.find((neighbor) => neighbor.kind !== 'ibgp' && familiesOf(neighbor).includes(family)) ??
    neighbors.find((neighbor) => neighbor.kind !== 'ibgp') ??
    neighbors[0]
  return nearest?.router ?? null
}

function freeTunnelAddress(service: Service, takenByService: Map<string, Set<string>>): InterfaceAddress {
  let taken = takenByService.get(service.name)
  if (taken === undefined) {
    const known = [...service.wireguard.addresses.map(({ address }) => address), service.probe.address]
    taken = new Set(known.map(String))
    takenByService.set(service.name, taken)
  }
  const { prefix, length } = service.wireguard.addresses[0]!
  for (let step = 2n; step < 2n ** 16n; step++) {
    const address = new Address(prefix.family, prefix.network.value + step)
    if (!prefix.contains(address)) break
    if (taken.has(address.toString())) continue
    taken.add(address.toString())
    return new InterfaceAddress(address, length)
  }
  throw new TopologyError(`service ${service.name}: its tunnel network ${prefix} has no address for a client`)
}
