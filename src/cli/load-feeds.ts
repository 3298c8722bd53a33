import { FeedError } from '../feeds/feed.ts'
import { loadPlanFeeds } from '../feeds/plan-feeds.ts'
import type { PlanFeeds } from '../planner/feeds.ts'
import type { Fleet } from '../sites/fleet.ts'
import { CommandError } from './failure.ts'
import { formatWarning } from './vrp-options.ts'

export const defaultStateDir = '/var/lib/anyward'

/** What a fleet's plan needs beside its YAML; what a person should know of it goes to stderr. */
export async function loadFeeds(
  fleet: Fleet,
  options: { readonly sites: string; readonly state: string; readonly offline: boolean },
): Promise<PlanFeeds> {
  const { sites, state, offline } = options
  try {
    const { feeds, warnings } = await loadPlanFeeds(fleet, {
      stateDir: state,
      baseDir: sites,
      nowMs: Date.now(),
      offline,
    })
    for (const warning of warnings) process.stderr.write(`warning: ${formatWarning(warning)}\n`)
    return feeds
  } catch (error) {
    if (!(error instanceof FeedError)) throw error
    const [first] = error.problems
    throw new CommandError(error.problems.map(({ feed, reason }) => `${feed} ${reason}`).join('\n'), {
      ...(first === undefined ? {} : { hint: first.hint }),
      cause: error,
    })
  }
}
