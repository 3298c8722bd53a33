import type { Manifest } from './manifest.ts'

/** The name of the default VRF here. */
export const defaultVrf = ''

/** The VRFs of neighbors, sessions or links, beside the default one, sorted. */
export function vrfsOf(things: readonly { readonly vrf?: string | null }[]): string[] {
  return [...new Set(things.flatMap(({ vrf }) => vrf ?? []))].sort()
}

/**
 * The VRFs in which bgpd announces: those of the neighbors, and the default one, which a configuration of Anyward has in
 * any case, and an engineer's own only if a neighbor is there.
 */
export function announcingVrfs({ routing, neighbors }: Pick<Manifest, 'routing' | 'neighbors'>): string[] {
  const vrfs = vrfsOf(neighbors)
  const isDefaultUsed = routing === 'managed' || neighbors.some(({ vrf }) => vrf === undefined)
  return isDefaultUsed || vrfs.length === 0 ? [defaultVrf, ...vrfs] : vrfs
}
