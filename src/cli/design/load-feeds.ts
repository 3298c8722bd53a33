import type { PlanFeeds } from '../../plan/compile/feeds.ts'
import { loadPlanFeeds } from '../../plan/feeds/plan-feeds.ts'
import { describeWarning } from '../../plan/service/describe-warning.ts'
import type { Fleet } from '../../plan/sites/fleet.ts'
import type { Progress } from '../terminal/progress.ts'
import { toCommandError } from './vrp-options.ts'

/** Loads the VRPs and IRR sets that a fleet's plan needs, and prints warnings to stderr. */
export async function loadFeeds(
  fleet: Fleet,
  options: { readonly sites: string; readonly state: string; readonly offline: boolean },
  progress: Progress,
): Promise<PlanFeeds> {
  const { sites, state, offline } = options
  const { feeds, warnings } = await loadPlanFeeds(fleet, {
    stateDir: state,
    baseDir: sites,
    nowMs: Date.now(),
    offline,
    onStep: (step) => progress.step(step),
  }).catch((error: unknown) => {
    throw toCommandError(error)
  })
  for (const warning of warnings) progress.print(`warning: ${describeWarning(warning)}`)
  return feeds
}
