/** The VRFs of neighbors, sessions or links, beside the default one, sorted. */
export function vrfsOf(things: readonly { readonly vrf?: string | null }[]): string[] {
  return [...new Set(things.flatMap(({ vrf }) => vrf ?? []))].sort()
}
