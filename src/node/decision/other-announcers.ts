/** Where it is known from: iBGP between the nodes. */
export type AnnouncerSource = 'ibgp'

/** How many other nodes announce a service, and not degraded, as one source has it. */
export interface OtherAnnouncers {
  readonly source: AnnouncerSource
  readonly count: number
}

/**
 * How many other nodes announce all of `leaving`, the prefixes that this node would no longer announce.
 * @param byPrefix what a source knows; a prefix that it has no number for is left out
 * @returns `null` where the source knows nothing of any of them
 */
export function countOtherAnnouncers(
  leaving: readonly string[],
  byPrefix: ReadonlyMap<string, number>,
): number | null {
  // Of what the present sessions can't report, of the other family for example, nothing is known.
  const counts = leaving.flatMap((prefix) => byPrefix.get(prefix) ?? [])
  return leaving.length > 0 && counts.length === 0 ? null : Math.min(...counts)
}
