import { isPrivateAsn } from '../../net/asn.ts'

/** The numbers of a session: ours at its node, the neighbor's, and ours in this session if that is another one. */
interface SessionAsns {
  readonly ours: number | undefined
  readonly neighbor: number | undefined
  readonly localAs: number | null | undefined
}

/**
 * Our AS numbers, besides those of a session itself, that no path from its neighbor may have: the others of the node, and
 * of the rest of the fleet those that are unique. A private number may be another network's too, as 64512 is at more than
 * one provider (decision 25).
 */
export function otherOwnAsns(
  fleet: Iterable<number>,
  node: ReadonlySet<number>,
  { ours, neighbor, localAs }: SessionAsns,
): number[] {
  return [...new Set([...fleet, ...node])].filter(
    (asn) => (node.has(asn) || !isPrivateAsn(asn)) && asn !== ours && asn !== neighbor && asn !== localAs,
  )
}
