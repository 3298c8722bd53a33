import type { FeedWarning } from '../feeds/feed.ts'
import { formatSpan } from '../rpki/assess.ts'

/** One line for a feed that could not be loaded, and the age of what is used instead. */
export function describeWarning({ feed, reason, lastGoodAgeMs }: FeedWarning): string {
  const instead =
    lastGoodAgeMs === null ? '' : `: the last good one is used, ${formatSpan(lastGoodAgeMs)} old`
  return `${feed} ${reason}${instead}`
}
