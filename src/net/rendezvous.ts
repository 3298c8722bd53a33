/** Those with the highest weights for the target (rendezvous hashing); of equal weights the first. Not by sorting: a thousand sites are weighed for each of a thousand nodes. */
export function heaviest<T extends { readonly hash: number }>(
  all: readonly T[],
  target: number,
  count: number,
): readonly T[] {
  const found: { of: T; weight: number }[] = []
  for (const of of all) {
    const weight = mix(target ^ mix(of.hash))
    if (found.length === count && weight <= found.at(-1)!.weight) continue
    const at = found.findIndex((other) => other.weight < weight)
    found.splice(at === -1 ? found.length : at, 0, { of, weight })
    if (found.length > count) found.pop()
  }
  return found.map(({ of }) => of)
}

/** FNV-1a, 32 bits. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/** The finalizer of MurmurHash3: similar names get unrelated weights. */
function mix(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
