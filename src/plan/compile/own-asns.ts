import { isPrivateAsn } from '../../net/asn.ts'
import { once } from '../policy/once.ts'
import type { Fleet, FleetNode, Neighbor } from '../sites/fleet.ts'

/**
 * Returns our AS numbers, besides those of a session itself, that no path from its neighbor may have: the others of the
 * node, and of the rest of the fleet those that are unique. A private number may be another network's too, as 64512 is
 * at more than one provider (decision 25).
 */
export function collectOwnAsns(fleet: Fleet): (node: FleetNode, neighbor: Neighbor) => readonly number[] {
  const unique = new Set<number>()
  for (const node of fleet.sites.flatMap(({ nodes }) => nodes)) {
    for (const asn of numbersOf(node)) if (!isPrivateAsn(asn)) unique.add(asn)
  }
  const allOf = once((node: FleetNode) => new Set([...unique, ...numbersOf(node)]))
  // One list for all sessions with the same numbers, so that their rules are the same object.
  const listOf = once((text: string) => (text === '' ? [] : text.split(' ').map(Number)), new Map())
  return (node, { asn, localAs }) => {
    const others = [...allOf(node)].filter((own) => own !== node.asn && own !== localAs && own !== asn)
    return listOf(others.sort((a, b) => a - b).join(' '))
  }
}

function numbersOf(node: FleetNode): number[] {
  return [node.asn, ...node.neighbors.flatMap(({ localAs }) => (localAs === null ? [] : [localAs]))]
}
