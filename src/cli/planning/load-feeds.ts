import type { PlanFeeds } from '../../plan/compile/feeds.ts'
import { loadPlanFeeds } from '../../plan/feeds/plan-feeds.ts'
import type { Fleet } from '../../plan/sites/fleet.ts'
import { formatWarning, toCommandError } from './vrp-options.ts'

/** What a fleet's plan needs beside its YAML; what a person should know of it goes to stderr. */
export async function loadFeeds(
  fleet: Fleet,
  options: { readonly sites: string; readonly state: string; readonly offline: boolean },
): Promise<PlanFeeds> {
  const { sites, state, offline } = options
  const { feeds, warnings } = await loadPlanFeeds(fleet, {
    stateDir: state,
    baseDir: sites,
    nowMs: Date.now(),
    offline,
  }).catch((error: unknown) => {
    throw toCommandError(error)
  })
  for (const warning of warnings) process.stderr.write(`warning: ${formatWarning(warning)}\n`)
  return feeds
}
