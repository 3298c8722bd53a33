import type { ImportWord, NeighborKind } from './words.ts'

interface Reach {
  readonly kind: NeighborKind
  /** `null`: the neighbor is on the link, unless it is of our own AS. */
  readonly multihop: number | null
}

/** Whether the neighbor of such a session may be several hops away. */
export function isIndirect({ kind, multihop }: Reach): boolean {
  return kind === 'ibgp' || multihop !== null
}

/** Whether the next hops of the routes accepted over it may be. BIRD resolves those in a table of their own. */
export function hasIndirectNextHops(session: Reach, taken: ImportWord): boolean {
  return isIndirect(session) && taken !== 'nothing'
}
