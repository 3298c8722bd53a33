/** The source of the count: iBGP between the nodes. */
export type AnnouncerSource = 'ibgp'

/** How many other nodes announce a service undegraded, as reported by one source. */
export interface OtherAnnouncers {
  readonly source: AnnouncerSource
  readonly count: number
}

/**
 * Counts the other nodes that announce all of `leaving`, the prefixes that this node would no longer announce.
 * @param byPrefix the counts of a source; a prefix without a count is absent
 * @returns `null` if the source has no count for any of them
 */
export function countOtherAnnouncers(
  leaving: readonly string[],
  byPrefix: ReadonlyMap<string, number>,
): number | null {
  // The present sessions may not carry every prefix, for example those of the other address family.
  const counts = leaving.flatMap((prefix) => byPrefix.get(prefix) ?? [])
  return leaving.length > 0 && counts.length === 0 ? null : Math.min(...counts)
}
