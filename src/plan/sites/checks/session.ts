import { daemonNames } from '../../../manifest/daemon-kinds.ts'
import { isLinkLocal } from '../../../net/prefix.ts'
import {
  externalKinds,
  type FleetDraft,
  importOf,
  type NeighborDraft,
  type PlacedNeighbor,
  type PlacedNode,
} from '../drafts.ts'
import { error, type Finding } from '../finding.ts'
import { firstVersions, hasFeature, versions } from './versions.ts'

/** Checks how a session is set up, beside its addresses. */
export function checkSession(
  at: PlacedNeighbor,
  placed: PlacedNode,
  fleet: FleetDraft | undefined,
): Finding[] {
  return [
    ...checkTimers(at),
    ...checkExtendedNextHop(at),
    ...checkLinkLocalImport(at, placed),
    ...checkBfd(at, placed),
    ...checkVrf(at, placed, fleet),
  ]
}

/** An attached node's own configuration is not judged here. */
function checkLinkLocalImport({ file, path, neighbor }: PlacedNeighbor, { node }: PlacedNode): Finding[] {
  const { daemon, daemonVersion, routing } = node
  const { address } = neighbor
  if (routing !== 'managed' || daemon !== 'frr' || address === undefined || !isLinkLocal(address)) return []
  const taken = importOf(neighbor)
  if (taken === undefined || taken === 'nothing') return []
  if (!hasFeature({ daemon, daemonVersion }, 'next-hop-of-link')) return []
  const { project } = daemonNames.frr
  return [
    error(
      file,
      [...path, 'address'],
      `${project} ${daemonVersion ?? versions.frr.assumed} uses no route of a neighbor that is named by its link-local address where that neighbor has opened the connection, and this one has import: ${taken}`,
      'write interface without address, if the neighbor sends router advertisements; else its global address, import: nothing, or daemon: bird',
    ),
  ]
}

/** An attached node's own configuration decides what a VRF does with routes. */
function checkVrf(at: PlacedNeighbor, { node }: PlacedNode, fleet: FleetDraft | undefined): Finding[] {
  const { file, path, neighbor } = at
  const { vrf, kind } = neighbor
  if (vrf === undefined) return []
  const here = [...path, 'vrf']
  if (vrf === 'default') {
    return [error(file, here, 'a VRF has a name of its own', 'leave vrf out: that is the default VRF')]
  }
  if (kind === 'ibgp') {
    const words = 'the nodes of the fleet reach each other in the default VRF'
    return [error(file, here, words, 'leave vrf out, or write the session as another kind of neighbor')]
  }
  if (node.routing !== 'managed') return []
  const taken = importOf(neighbor)
  if (node.daemon === 'bird' && taken !== undefined && taken !== 'nothing') {
    return [
      error(
        file,
        here,
        `BIRD cannot put the routes of a VRF into its table, whose number it does not know, and this neighbor has import: ${taken}`,
        `write import: nothing, and give the VRF its routes yourself: ip route add default via ADDRESS vrf ${vrf}`,
      ),
    ]
  }
  return checkVrfOrigins(at, node, fleet)
}

/** FRR 10 validates a VRF's routes against the caches of that VRF alone; without any, each route passes. */
function checkVrfOrigins(
  { file, path, neighbor }: PlacedNeighbor,
  { daemon, daemonVersion }: PlacedNode['node'],
  fleet: FleetDraft | undefined,
): Finding[] {
  const { kind, relax = [], tighten } = neighbor
  const rpki = fleet?.rpki
  if (daemon !== 'frr' || rpki === undefined || kind === undefined || !externalKinds.includes(kind)) return []
  if (!hasFeature({ daemon, daemonVersion }, 'rpki-of-vrf')) return []
  const isFull = importOf(neighbor) === 'full'
  const needed = [
    ...(rpki.invalid === 'accept' ? [] : ['own-origin-invalid', ...(isFull ? ['rpki-invalid'] : [])]),
    ...(isFull && tighten?.notFound === 'reject' ? ['rpki-not-found'] : []),
  ].filter((rule) => !relax.some((one) => one === rule))
  if (needed.length === 0) return []
  return [
    error(
      file,
      [...path, 'vrf'],
      `from ${daemonNames.frr.project} ${firstVersions['rpki-of-vrf'].frr} on, a VRF has RPKI caches of its own, which Anyward does not configure: ${needed.join(' and ')} would never apply`,
      `write relax: [${[...relax, ...needed].join(', ')}] to do without, or use daemon: bird with import: nothing`,
    ),
  ]
}

function checkBfd({ file, path, neighbor }: PlacedNeighbor, { node }: PlacedNode): Finding[] {
  const { kind, bfd, multihop } = neighbor
  if (bfd === undefined) return []
  if (kind === 'ibgp' && !Object.hasOwn(bfd, 'hops')) {
    return [
      error(
        file,
        [...path, 'bfd'],
        'an ibgp neighbor may be on a link or behind routers, and BFD differs: BIRD takes the second for granted, FRR looks',
        'add hops: single if the neighbor is on a link of the node, else hops: multi',
      ),
    ]
  }
  if (kind !== undefined && kind !== 'ibgp' && bfd.hops !== undefined) {
    return [
      error(
        file,
        [...path, 'bfd', 'hops'],
        'hops is for ibgp neighbors: of another one multihop tells',
        multihop === undefined && bfd.hops === 'multi'
          ? 'leave hops out, and add multihop'
          : 'leave hops out',
      ),
    ]
  }
  // bgpd asks for a TTL that BIRD and others do not send, and inside the AS it asks too late: only a BFD session between two
  // known addresses is independent of it.
  const { daemon, daemonVersion } = node
  if (daemon !== 'frr' || Object.hasOwn(neighbor, 'localAddress')) return []
  const asksLate = bfd.hops === 'multi' && hasFeature({ daemon, daemonVersion }, 'bfd-before-bgp')
  if (multihop !== undefined || asksLate) {
    return [
      error(
        file,
        [...path, 'bfd'],
        'FRR needs the node’s own address for BFD with a neighbor that is not on the link',
        'add localAddress, or leave bfd out',
      ),
    ]
  }
  return []
}

function checkTimers({ file, path, neighbor }: PlacedNeighbor): Finding[] {
  const { hold, keepalive } = neighbor.timers ?? {}
  if (hold === undefined || keepalive === undefined || keepalive <= hold / 3) return []
  const most = Math.floor(hold / 3000)
  return [
    error(
      file,
      [...path, 'timers', 'keepalive'],
      `${keepalive / 1000}s is longer than a third of the hold time, ${hold / 1000}s: two lost keepalives would end the session (RFC 4271, section 4.4)`,
      `write at most ${most}s, or leave it out`,
    ),
  ]
}

/** Link-local addresses and unnumbered sessions: what the interface is needed for, and what is not possible with it. */
export function checkInterface({ file, path, neighbor }: PlacedNeighbor): Finding[] {
  const { address, localAddress } = neighbor
  const at = [...path, 'interface']
  if (!Object.hasOwn(neighbor, 'interface')) {
    if (address === undefined || !isLinkLocal(address)) return []
    const hint = 'write interface: eth1, with the name of the interface that the neighbor is on'
    return [error(file, [...path, 'address'], `${address} is link-local, and needs its interface`, hint)]
  }
  if (address !== undefined && !isLinkLocal(address)) {
    const words = `${address} is not link-local: it is reached through the node's routes`
    return [error(file, at, words, 'leave interface out')]
  }
  const reach = notOnLink(neighbor)
  if (reach !== null) {
    return [
      error(
        file,
        at,
        `a neighbor on an interface is one hop away, and ${reach}`,
        'write an address that is not link-local',
      ),
    ]
  }
  if (localAddress === undefined || (address !== undefined && isLinkLocal(localAddress))) return []
  const ours = [...path, 'localAddress']
  return isUnnumbered(neighbor)
    ? [
        error(
          file,
          ours,
          'an unnumbered session uses the link-local address of the interface',
          'leave localAddress out',
        ),
      ]
    : [
        error(
          file,
          ours,
          `${localAddress} is not link-local, but the neighbor's address is`,
          'write a link-local address of the interface, or leave it out',
        ),
      ]
}

function checkExtendedNextHop({ file, path, neighbor }: PlacedNeighbor): Finding[] {
  if (neighbor.extendedNextHop !== true) return []
  const at = [...path, 'extendedNextHop']
  if (neighbor.address?.family === 'ipv4') {
    return [
      error(file, at, 'only an IPv6 session has IPv6 next hops (RFC 8950)', 'leave extendedNextHop out'),
    ]
  }
  const reach = notOnLink(neighbor)
  if (reach === null) return []
  return [
    error(
      file,
      at,
      `the next hops have to be on the link, and ${reach}`,
      'leave extendedNextHop out, and write a session for each address family',
    ),
  ]
}

function isUnnumbered(neighbor: NeighborDraft): boolean {
  return !Object.hasOwn(neighbor, 'address') && Object.hasOwn(neighbor, 'interface')
}

/** Why the neighbor may be several hops away; `null`: it is on the link. */
function notOnLink({ kind, multihop }: NeighborDraft): string | null {
  if (kind === 'ibgp') return 'an ibgp neighbor need not be'
  return multihop === undefined ? null : `multihop says up to ${multihop}`
}
