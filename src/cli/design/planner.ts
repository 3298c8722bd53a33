import { planOnce, runPlanner } from '../../plan/service/run-planner.ts'
import { requireFleet } from '../../plan/sites/load.ts'
import { exitCode } from '../failure.ts'

export interface PlannerOptions {
  readonly sites: string
  readonly out: string
  readonly state: string
  readonly check: boolean
  readonly refuseBelow?: number
  readonly listen?: string
  readonly key?: string
  readonly once?: true
  readonly storeKeys?: string
  readonly tokens?: string
}

export async function planner(options: PlannerOptions): Promise<void> {
  const {
    sites,
    out,
    state: stateDir,
    check,
    refuseBelow = null,
    listen = null,
    key: keyFile = null,
  } = options
  const round = { sites, out, stateDir, check, refuseBelow, keyFile }
  if (options.once) {
    // Errors of the YAML are printed as `anyward validate` prints them.
    await requireFleet(sites)
    const result = await planOnce(round)
    if (result.ok) process.exit(exitCode.fine)
    process.exit(result.outcome === 'refused' ? exitCode.findings : exitCode.failed)
  }
  const ending = await runPlanner({
    ...{ round, listen },
    storeKeys: options.storeKeys ?? null,
    tokensFile: options.tokens ?? null,
  })
  process.exit(ending === 'stopped' ? exitCode.fine : exitCode.failed)
}
