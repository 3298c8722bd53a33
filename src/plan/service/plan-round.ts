import { LockError } from '../../files/lock.ts'
import { isSystemError } from '../../files/system-error.ts'
import { describeMissing } from '../../linux/programs.ts'
import type { Log } from '../../telemetry/log.ts'
import { ConfigError } from '../../text/issue.ts'
import { OperationError } from '../../text/operation-error.ts'
import { describeWorld } from '../compile/world.ts'
import { FeedError } from '../feeds/feed.ts'
import { type LoadedFeeds, loadPlanFeeds } from '../feeds/plan-feeds.ts'
import type { Fleet } from '../sites/fleet.ts'
import { FleetFolderError } from '../sites/folder-error.ts'
import { requireFleet } from '../sites/load.ts'
import { describeRefusal } from './describe-refusal.ts'
import { type NodeReport, type PlanReport, type PlanResult, planFleet } from './plan-fleet.ts'
import { signBundles } from './sign-bundles.ts'
import type { SignRequest } from './signer.ts'

export interface RoundOptions {
  readonly sites: string
  readonly out: string
  readonly stateDir: string
  readonly check: boolean
  readonly refuseBelow: number | null
  /** Signs the bundles; `null`: they stay unsigned. */
  readonly keyFile: string | null
  /** Ends the round, unless it has begun to write. */
  readonly signal: AbortSignal
}

/** `refused`: the planner worked, and the plan must not be written. */
type FailedRound = 'refused' | 'failed'

export type RoundResult =
  | {
      readonly ok: true
      readonly fleet: Fleet
      readonly loaded: LoadedFeeds
      readonly bundles: readonly Pick<NodeReport, 'site' | 'node' | 'digest'>[]
    }
  | { readonly ok: false; readonly outcome: FailedRound }

/**
 * Reads the YAML, the IRR sets and the VRPs, plans, and writes the bundles, all or none. A failure is logged, and the
 * bundles stay as they were. Never throws.
 */
export async function planRound(options: RoundOptions, log: Log, nowMs: number): Promise<RoundResult> {
  try {
    const { sites, stateDir, out, check, refuseBelow, keyFile, signal } = options
    const fleet = await requireFleet(sites)
    const loaded = await loadPlanFeeds(fleet, { stateDir, baseDir: sites, nowMs, signal })
    logWarnings(log, loaded)
    signal.throwIfAborted()
    const result = await planFleet({ fleet, feeds: loaded.feeds, out, check, refuseBelow })
    if (result.outcome !== 'written') return { ok: false, outcome: logRefusal(log, result, options) }
    logReport(log, result.report)
    if (keyFile !== null) {
      const failure = await signRound(log, { out, keyFile, nowMs })
      if (failure !== null) return { ok: false, outcome: failure }
    }
    const bundles = result.report.nodes.map(({ site, node, digest }) => ({ site, node, digest }))
    return { ok: true, fleet, loaded, bundles }
  } catch (error) {
    if (options.signal.aborted) return { ok: false, outcome: 'failed' }
    return { ok: false, outcome: logFailure(log, error) }
  }
}

const unchanged = 'the bundles stay as they were'

function logWarnings(log: Log, { warnings }: LoadedFeeds): void {
  for (const { feed, reason, hint, lastGoodAgeMs } of warnings) {
    const facts = { event: 'feed', feed, reason, hint }
    if (lastGoodAgeMs === null) log.warn(facts, `${feed}: ${reason}`)
    else {
      const lastGoodAgeS = Math.round(lastGoodAgeMs / 1000)
      log.error(
        { ...facts, lastGoodAgeS },
        `${feed}: ${reason}; the last good one, ${lastGoodAgeS} s old, is used instead`,
      )
    }
  }
}

function logReport(log: Log, report: PlanReport): void {
  for (const { node, neighbor, message } of report.notices) {
    log.info({ event: 'notice', node, neighbor }, message)
  }
  for (const { node, dir } of report.removed) {
    log.warn({ event: 'removed', node, dir }, `${node} is no longer in the sites: its bundle stays in ${dir}`)
  }
  for (const change of describeWorld(report.nodes)) log.info({ event: 'change' }, change)
  const changed = report.nodes.filter((node) => node.change !== 'same')
  for (const { site, node, change, effect, why } of changed) {
    log.info({ event: 'bundle', site, node, change, effect, why }, `the bundle of ${node} is ${change}`)
  }
  const facts = { event: 'planned', bundles: report.nodes.length, changed: changed.length }
  log.info(facts, changed.length === 0 ? 'planned, and nothing changes' : 'planned, and written')
}

/** Signs what was planned. Never throws. */
async function signRound(log: Log, request: SignRequest): Promise<FailedRound | null> {
  try {
    const { nodes, notes } = await signBundles(request)
    for (const note of notes) log.warn({ event: 'notice', node: null, neighbor: null }, note)
    for (const { site, node, serial, digest, change } of nodes) {
      if (change === 'same') continue
      const facts = { event: 'signed', site, node, serial, digest }
      log.info(facts, `the bundle of ${node} is signed: serial ${serial}`)
    }
    return null
  } catch (error) {
    const hint = error instanceof OperationError ? error.hint : null
    const facts = { event: 'failed', cause: 'unsigned', hint }
    log.error(
      isKnownFailure(error) ? facts : { ...facts, err: error },
      `${error instanceof Error ? error.message : String(error)}; the bundles are written, and not signed`,
    )
    return error instanceof ConfigError ? 'refused' : 'failed'
  }
}

function isKnownFailure(error: unknown): boolean {
  return (
    [ConfigError, LockError, OperationError].some((known) => error instanceof known) || isSystemError(error)
  )
}

function logRefusal(
  log: Log,
  result: Exclude<PlanResult, { outcome: 'written' }>,
  { refuseBelow }: RoundOptions,
): FailedRound {
  const facts = { event: 'failed', cause: result.outcome }
  switch (result.outcome) {
    case 'refused':
      log.error(facts, `${describeRefusal(result.short, refuseBelow ?? 0)}; ${unchanged}`)
      return 'refused'
    case 'rejected': {
      const { node, daemon, complaints } = result
      log.error(
        { ...facts, node, daemon, complaints },
        `the daemon of ${node} refuses its configuration; ${unchanged}`,
      )
      return 'refused'
    }
    case 'unchecked': {
      const missing = describeMissing(result.missing)
      log.error(
        { ...facts, node: result.node, missing },
        `${result.node} cannot be checked by its daemon's parser, missing: ${missing}; ${unchanged}`,
      )
      return 'failed'
    }
  }
}

function logFailure(log: Log, error: unknown): FailedRound {
  if (error instanceof ConfigError) {
    log.error({ event: 'failed', cause: 'invalid', issues: error.issues }, `${error.message}\n${unchanged}`)
    return 'refused'
  }
  if (error instanceof FeedError) {
    log.error({ event: 'failed', cause: 'feeds', problems: error.problems }, `${error.message}\n${unchanged}`)
    return 'failed'
  }
  const isKnown = error instanceof FleetFolderError || isSystemError(error)
  const facts = isKnown ? { event: 'failed', cause: error.message } : { event: 'failed', err: error }
  log.error(facts, `${error instanceof Error ? error.message : String(error)}; ${unchanged}`)
  return 'failed'
}
