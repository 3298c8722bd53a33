import { hashOf, heaviest } from '../../../net/rendezvous.ts'

/**
 * One of the nodes for a peer: all nodes choose the same, and when a node goes, only its peers are chosen again (rendezvous
 * hashing, Thaler and Ravishankar 1998). `null`: there are none.
 */
export function choose(nodes: readonly string[], peer: string): string | null {
  // Of equal weights the first counts, and each node lists itself last.
  const weighed = nodes.toSorted().map((node) => ({ node, hash: hashOf(node) }))
  return heaviest(weighed, hashOf(peer), 1)[0]?.node ?? null
}
