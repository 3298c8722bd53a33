import { isPrivateAsn } from '../../net/asn.ts'
import { once } from '../policy/once.ts'
import type { Fleet, FleetNode, Neighbor } from '../sites/fleet.ts'
import { otherOwnAsns } from '../sites/other-own-asns.ts'

/** Returns our AS numbers that no path from a neighbor may have, sorted. */
export function collectOwnAsns(fleet: Fleet): (node: FleetNode, neighbor: Neighbor) => readonly number[] {
  const all = fleet.sites.flatMap(({ nodes }) => nodes.flatMap(numbersOf))
  // Without the private ones, which do not count at other nodes: a fleet may have one for each rack.
  const unique = new Set(all.filter((asn) => !isPrivateAsn(asn)))
  const numbersOnce = once((node: FleetNode) => new Set(numbersOf(node)))
  // One list for all sessions with the same numbers, so that their rules are the same object.
  const listOf = once((text: string) => (text === '' ? [] : text.split(' ').map(Number)), new Map())
  return (node, { asn, localAs }) => {
    const others = otherOwnAsns(unique, numbersOnce(node), { ours: node.asn, neighbor: asn, localAs })
    return listOf(others.sort((a, b) => a - b).join(' '))
  }
}

function numbersOf(node: FleetNode): number[] {
  return [node.asn, ...node.neighbors.flatMap(({ localAs }) => (localAs === null ? [] : [localAs]))]
}
