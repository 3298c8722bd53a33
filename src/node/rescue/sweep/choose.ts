/**
 * One of the nodes for a peer: all nodes choose the same, and when a node goes, only its peers are chosen again (rendezvous
 * hashing, Thaler and Ravishankar 1998). `null`: there are none.
 */
export function choose(nodes: readonly string[], peer: string): string | null {
  let best: string | null = null
  let bestScore = -1
  for (const node of nodes) {
    const score = hash(`${peer} ${node}`)
    if (score > bestScore || (score === bestScore && best !== null && node < best)) {
      best = node
      bestScore = score
    }
  }
  return best
}

/** FNV-1a, 32 bits, and the final mix of MurmurHash3, without which names that differ in their last letter score alike. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
