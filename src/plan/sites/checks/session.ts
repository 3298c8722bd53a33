import type { PlacedNeighbor, PlacedNode } from '../drafts.ts'
import { error, type Finding } from '../finding.ts'

/** Checks how a session is set up, beside its addresses. */
export function checkSession(at: PlacedNeighbor, placed: PlacedNode): Finding[] {
  return [...checkTimers(at), ...checkBfd(at, placed)]
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
  // bgpd asks for a TTL that BIRD and others do not send; only a BFD session between two known addresses can differ.
  if (node.daemon === 'frr' && multihop !== undefined && !Object.hasOwn(neighbor, 'localAddress')) {
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
