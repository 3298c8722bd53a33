import type { ManifestNeighbor } from './manifest.ts'
import type { BfdHops, ImportWord, NeighborKind } from './words.ts'

interface Reach {
  readonly kind: NeighborKind
  /** `null`: the neighbor is on the link, unless it is of our own AS. */
  readonly multihop: number | null
}

/** Whether the neighbor of such a session may be several hops away. */
export function isIndirect({ kind, multihop }: Reach): boolean {
  return kind === 'ibgp' || multihop !== null
}

/** How far BFD is between the two ends; `null`: it is off, or an older bundle left it to the daemon. */
export function bfdHopsOf({ kind, session }: ManifestNeighbor): BfdHops | null {
  if (!session?.bfd) return null
  if (kind === 'ibgp') return session.bfd.hops
  return session.multihop === null ? 'single' : 'multi'
}

/** Whether the next hops of the routes accepted over it may be. BIRD resolves those in a table of their own. */
export function hasIndirectNextHops(session: Reach, taken: ImportWord): boolean {
  return isIndirect(session) && taken !== 'nothing'
}
