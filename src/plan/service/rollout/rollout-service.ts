import { hostname } from 'node:os'
import { digestOf } from '../../../bundle/read.ts'
import { readStatement } from '../../../bundle/statement.ts'
import { systemClock } from '../../../clock/clock.ts'
import { count } from '../../../text/count.ts'
import { OperationError } from '../../../text/operation-error.ts'
import { stampTimes } from '../../rollout/describe-status.ts'
import { type Drive, driveRollout } from '../../rollout/engine/engine.ts'
import { RolloutFiles } from '../../rollout/engine/rollout-files.ts'
import { type Reopening, reopen } from '../../rollout/reopen.ts'
import { isOver, type Rollout } from '../../rollout/rollout.ts'
import type { Claim } from '../../rollout/store/rollout-lock.ts'
import type { Fleet } from '../../sites/fleet.ts'
import { requireFleet } from '../../sites/load.ts'
import { freeze, hashSites, thaw, thawWay, thisOperator } from './frozen.ts'
import { type Prepared, prepareRollout, requireBundles } from './prepare.ts'
import { type LocalNodes, type Reach, type Way, withReach } from './reach.ts'
import { type RolloutSigning, readTrust, signForAnotherAttempt, signForStart } from './sign-rollout.ts'

export interface RolloutPlace {
  /** The folder of the YAML. */
  readonly sites: string
  /** The folder of the plan's bundles. */
  readonly out: string
  /** How the nodes are reached; default: as fleet.yaml says. */
  readonly via?: 'ssh' | 'store'
  /** The folder with the planner's certificate for the store, if it is not where fleet.yaml says. */
  readonly storeKeys?: string
  /** The id of another rollout, which is not over, and whose state is lost: this one takes its lock in the store. */
  readonly takeOver?: string
  /** The nodes are these, and `via` has no effect. */
  readonly local?: LocalNodes
}

type RolloutFolder = Pick<RolloutPlace, 'out' | 'local'>

/** For hints. */
export function rolloutCommandOf({ local }: RolloutFolder): string {
  return local === undefined ? 'anyward rollout' : 'anyward lab rollout'
}

export interface Reporter extends Pick<Drive, 'onEvent' | 'onState' | 'signal'> {
  /** What is done before the rollout begins. */
  readonly onStep?: (step: string) => void
}

/** What `start` would do; it refuses what `start` refuses. Throws ConfigError and OperationError. */
export async function previewRollout(
  place: RolloutPlace,
  signing: RolloutSigning,
  onStep?: Reporter['onStep'],
): Promise<Prepared> {
  const { out } = place
  const files = new RolloutFiles(out)
  const last = await files.load()
  requireOver(last, place)
  const fleet = await requireFleet(place.sites)
  const trust = await readTrust(files, last, signing)
  return withReach(chooseWay(fleet, place), place, async (reach) => {
    await reach.lock.check(await claimOf(files, { rollout: describeBegin().id, replaces: replacedBy(place) }))
    const prepared = await prepareRollout(await planLocally(fleet, place), out, reach, trust, onStep)
    await signForStart(prepared.changing, { out, keyFile: signing.key, isTrial: true })
    return prepared
  })
}

/** Starts a rollout and drives it; `null`: every node has its bundle already. Throws ConfigError and OperationError. */
export async function startRollout(
  place: RolloutPlace,
  signing: RolloutSigning,
  reporter: Reporter,
): Promise<Rollout | null> {
  const { sites, out, local } = place
  const files = new RolloutFiles(out)
  // The lock makes the folder.
  if (local === undefined) requireBundles({ sites: [] }, out)
  return withLock(files, place, async () => {
    const last = await files.load()
    requireOver(last, place)
    const read = await requireFleet(sites)
    const sitesHash = await hashSites(sites)
    const trust = await readTrust(files, last, signing)
    const way = chooseWay(read, place)
    return withReach(way, place, async (reach) => {
      const begin = describeBegin()
      return underLock(reach, files, { rollout: begin.id, replaces: replacedBy(place) }, async () => {
        const fleet = await planLocally(read, place)
        const prepared = await prepareRollout(fleet, out, reach, trust, reporter.onStep)
        if (prepared.waves.length === 0) return null
        const pairs = await signForStart(prepared.changing, { out, keyFile: signing.key })
        const rollout = describeStart(begin, prepared, sitesHash, fleet.rollout.soakMs)
        await freeze(files, rollout, { nodes: prepared.nodes, pairs, fleet, way })
        await files.removeRequest()
        return drive(files, rollout, reporter, reach)
      })
    })
  })
}

/** What was started here is over: a lock that still has it could not be released. */
function replacedBy({ takeOver }: RolloutPlace): Claim['replaces'] {
  return takeOver === undefined ? 'folder' : { rollout: takeOver }
}

function requireOver(last: Rollout | null, place: RolloutFolder): void {
  if (last === null || isOver(last)) return
  throw new OperationError(`rollout ${last.id}, which ${last.startedBy} started, is not over`, {
    hint: `see it with \`${rolloutCommandOf(place)} status\`; resume, abort or undo it first`,
    outcome: 'refused',
  })
}

type Begin = Pick<Rollout, 'id' | 'startedBy' | 'startedAt'>

function describeBegin(): Begin {
  const startedAt = new Date(systemClock.wall()).toISOString()
  return { id: startedAt.replace(/[-:]|\.\d+/g, ''), startedBy: thisOperator(), startedAt }
}

function describeStart(begin: Begin, { nodes, waves }: Prepared, sitesHash: string, soakMs: number): Rollout {
  const byName = new Map(nodes.map((node) => [node.node, node]))
  return {
    format: 1,
    ...begin,
    sitesHash,
    soakMs,
    state: 'running',
    aim: 'forward',
    reason: null,
    since: begin.startedAt,
    waves: waves.map((wave) => ({
      name: wave.name,
      nodes: wave.nodes.map(({ node, site }) => ({
        ...{ node, site, state: 'waiting' as const, detail: null, failure: null, before: null },
        from: digestOf(byName.get(node)!.former),
        to: digestOf(byName.get(node)!.target),
        serial: readStatement(byName.get(node)!.former.statement ?? '')?.serial ?? null,
      })),
    })),
  }
}

/** The latest rollout, and whether an engine drives it. Throws OperationError if there is none. */
export async function readRolloutState(
  place: RolloutFolder,
): Promise<{ rollout: Rollout; isDriven: boolean }> {
  const files = new RolloutFiles(place.out)
  const rollout = await requireRollout(files, place)
  return { rollout, isDriven: await files.isDriven() }
}

/**
 * Resumes, pauses, aborts or undoes the latest rollout, and returns its state once it rests. An engine that drives it
 * carries out the request; without one, this process does. Throws ConfigError and OperationError.
 */
export async function operateRollout(
  place: RolloutPlace,
  kind: Reopening,
  reporter: Reporter,
  {
    asStarted = false,
    key,
    by = thisOperator(),
  }: { readonly asStarted?: boolean; readonly key?: string | undefined; readonly by?: string } = {},
): Promise<Rollout> {
  const { sites, out } = place
  const files = new RolloutFiles(out)
  const first = await requireRollout(files, place)
  const lock = await files.lock()
  if (lock.outcome === 'busy') {
    if (kind === 'resume') throw isDrivenError(place, first, lock.pid)
    await files.ask({ kind, by })
    return followRollout(place, reporter)
  }
  try {
    const reopened = reopen(first, kind, by)
    if (typeof reopened === 'string') {
      throw new OperationError(reopened, {
        hint: `start another one with \`${rolloutCommandOf(place)} start\``,
        outcome: 'refused',
      })
    }
    const next = stampTimes(first, reopened, new Date(systemClock.wall()).toISOString())
    if (kind === 'resume' && !asStarted) await requireSameSites(first, sites)
    return await withReach(await thawWay(files, next), place, (reach) =>
      underLock(reach, files, { rollout: first.id, replaces: 'engine' }, async () => {
        await signForAnotherAttempt(files, { first, next }, out, key)
        await files.save(next)
        await files.removeRequest()
        return drive(files, next, reporter, reach)
      }),
    )
  } finally {
    lock.release()
  }
}

const pollMs = 500

/** Reports the states of the latest rollout until it rests, or no engine drives it any more. */
export async function followRollout(
  place: RolloutFolder,
  { onState, signal }: Pick<Reporter, 'onState' | 'signal'>,
): Promise<Rollout> {
  for (;;) {
    const { rollout, isDriven } = await readRolloutState(place)
    onState(rollout)
    if (rollout.state !== 'running' || !isDriven || signal.aborted) return rollout
    await systemClock.sleep(pollMs)
  }
}

async function drive(
  files: RolloutFiles,
  rollout: Rollout,
  reporter: Reporter,
  reach: Reach,
): Promise<Rollout> {
  const { lost } = reach.lock
  const { onEvent } = reporter
  const onState = (state: Rollout) => {
    reach.publish(state)
    reporter.onState(state)
  }
  const signal = AbortSignal.any([reporter.signal, lost])
  const thawed = await thaw(files, rollout, reach)
  const end = await driveRollout({ ...thawed, onEvent, onState, signal, rollout, files })
  if (lost.aborted) throw lost.reason
  if (isOver(end)) await reach.clean()
  return end
}

/** Takes the lock of the fleet for the work. A rollout that is not over keeps it. */
async function underLock<T>(
  { lock }: Reach,
  files: RolloutFiles,
  claim: Pick<Claim, 'rollout' | 'replaces'>,
  work: () => Promise<T>,
): Promise<T> {
  await lock.take(await claimOf(files, claim))
  try {
    return await work()
  } finally {
    const rollout = await files.load()
    await lock.release(rollout?.id !== claim.rollout || isOver(rollout))
  }
}

async function claimOf(files: RolloutFiles, claim: Pick<Claim, 'rollout' | 'replaces'>): Promise<Claim> {
  const { path, id } = await files.identify()
  return { ...claim, by: thisOperator(), folder: `${hostname()}:${path}`, folderId: id }
}

/** The bundles of a real fleet are there: `anyward plan` has made them. */
async function planLocally(fleet: Fleet, { local, out }: RolloutPlace): Promise<Fleet> {
  return local === undefined ? fleet : local.plan(fleet, out)
}

function chooseWay({ rollout, store }: Fleet, { via = rollout.via, local }: RolloutPlace): Way {
  if (local !== undefined) return { via: 'local' }
  if (via === 'ssh') return { via }
  if (store !== null) return { via, settings: store }
  throw new OperationError('the fleet has no store', {
    hint: 'add `store` to fleet.yaml (docs/fleet.md), or use --via ssh',
    outcome: 'refused',
  })
}

async function withLock<T>(files: RolloutFiles, place: RolloutFolder, work: () => Promise<T>): Promise<T> {
  const lock = await files.lock()
  if (lock.outcome === 'busy') throw isDrivenError(place, await files.load(), lock.pid)
  try {
    return await work()
  } finally {
    lock.release()
  }
}

function isDrivenError(place: RolloutFolder, rollout: Rollout | null, pid: number | null): OperationError {
  const process = pid === null ? '' : ` (process ${pid})`
  const what = rollout === null ? 'a rollout' : `rollout ${rollout.id}`
  return new OperationError(`${what} is driven by another command${process}`, {
    hint: `follow it with \`${rolloutCommandOf(place)} watch\`, or end it with \`${rolloutCommandOf(place)} abort\``,
    outcome: 'refused',
  })
}

async function requireRollout(files: RolloutFiles, place: RolloutFolder): Promise<Rollout> {
  const rollout = await files.load()
  if (rollout !== null) return rollout
  const { out, local } = place
  throw new OperationError(`there is no rollout in ${out}`, {
    hint: `${local === undefined ? 'name the folder of its bundles with --out, or ' : ''}start one with \`${rolloutCommandOf(place)} start\``,
    outcome: 'refused',
  })
}

async function requireSameSites({ id, sitesHash, waves }: Rollout, sites: string): Promise<void> {
  if ((await hashSites(sites)) === sitesHash) return
  throw new OperationError(`the YAML in ${sites} has changed since rollout ${id} was started`, {
    hint: `\`rollout resume --as-started\` continues with the bundles of the start (${count(waves.length, 'wave')}); \`rollout abort\` ends it, so that the new plan can be rolled out`,
    outcome: 'refused',
  })
}
