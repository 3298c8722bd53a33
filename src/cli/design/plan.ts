import { isSystemError } from '../../files/system-error.ts'
import { describeMissing } from '../../linux/programs.ts'
import { daemonNames } from '../../manifest/daemon-kinds.ts'
import { describeRefusal } from '../../plan/service/describe-refusal.ts'
import { type PlanRequest, type PlanResult, planFleet } from '../../plan/service/plan-fleet.ts'
import { firstVersions } from '../../plan/sites/checks/versions.ts'
import { requireFleet } from '../../plan/sites/load.ts'
import { CommandError, exitCode } from '../failure.ts'
import { withProgress } from '../terminal/progress.ts'
import { loadFeeds } from './load-feeds.ts'
import { printPlan, printPlanJson } from './print-plan.ts'

export interface PlanOptions {
  readonly sites: string
  readonly json?: true
  readonly out: string
  readonly check: boolean
  readonly diff: boolean
  readonly refuseBelow?: number
  readonly state: string
}

export async function plan(options: PlanOptions): Promise<void> {
  const { sites, out, check, refuseBelow = null } = options
  const result = await withProgress({ lines: 'slow' }, async (progress) => {
    progress.step(`read ${sites}`)
    const fleet = await requireFleet(sites)
    const feeds = await loadFeeds(fleet, { ...options, offline: false }, progress)
    const onStep = (step: string) => progress.step(step)
    return planOrExplain({ fleet, feeds, out, check, refuseBelow, onStep })
  })
  if (result.outcome === 'unchecked') {
    throw new CommandError(
      `${result.node} cannot be checked by its daemon's parser: missing ${describeMissing(result.missing)}`,
      { hint: 'install the missing programs, or skip the check with --no-check; nothing was written' },
    )
  }
  if (result.outcome === 'rejected') {
    const daemon = daemonNames[result.daemon].project
    const { roles } = firstVersions
    throw new CommandError(
      `${daemon} on this machine refuses the configuration of ${result.node}:\n    ${result.complaints.join('\n    ')}`,
      {
        hint: `nothing was written; check that the daemon is at least BIRD ${roles.bird} or FRR ${roles.frr}`,
        exitCode: exitCode.findings,
      },
    )
  }
  if (options.json) printPlanJson(result)
  else printPlan(result, options)
  if (result.outcome === 'refused') {
    throw new CommandError(describeRefusal(result.short, refuseBelow ?? 0), {
      hint: 'nothing was written; let those sites announce it, or ask for fewer with --refuse-below',
      exitCode: exitCode.findings,
    })
  }
}

/** Plans, and tells what the disk refused in words. */
async function planOrExplain(request: PlanRequest): Promise<PlanResult> {
  return planFleet(request).catch((cause: unknown) => {
    if (!isSystemError(cause)) throw cause
    throw new CommandError(`${cause.path ?? request.out} cannot be written (${cause.code})`, {
      hint: 'name a folder that you may write, with --out',
      cause,
    })
  })
}
