import { resolve } from 'node:path'
import { assessVrps } from '../rpki/assess.ts'
import { applySlurm } from '../rpki/slurm.ts'
import { dropExpired, type VrpSet } from '../rpki/vrp-set.ts'
import type { VrpSource } from '../sites/fleet.ts'
import { FeedError, type FeedProblem, type FeedWarning } from './feed.ts'
import { lastGoodPath, readLastGood, writeLastGood } from './last-good.ts'
import { readSlurmFile, readVrpFile } from './vrp-file.ts'
import { decodeSnapshot, encodeSnapshot, type VrpSnapshot } from './vrp-snapshot.ts'

interface VrpOptions {
  /** The folder of the last good copies; `null`: none. */
  readonly stateDir: string | null
  readonly nowMs: number
  /** The last good set, if the caller still has it; then the state folder is not read. */
  readonly previous?: VrpSnapshot | null
}

interface LoadedVrps {
  /** With local exceptions, without expired VRPs. */
  readonly vrps: VrpSet
  /** How many entries of the validator's file have expired. */
  readonly expired: number
  readonly origin: 'fresh' | 'last-good'
  /** Without local exceptions: the next set is compared with this one. */
  readonly snapshot: VrpSnapshot
  readonly warnings: readonly FeedWarning[]
}

/**
 * Reads a validator's VRPs, and local exceptions. If a set cannot be read, is empty, old, or shrank, the last good
 * set is used, whatever its age, with a warning: routers without VRPs accept all origins. Throws `FeedError` if
 * configured local exceptions cannot be read. Expired VRPs are removed from both sets before the comparison, so
 * that expiry alone does not count as shrinking.
 */
export async function loadVrps(source: VrpSource, options: VrpOptions): Promise<LoadedVrps> {
  const { stateDir, nowMs } = options
  const name = `vrps ${resolve(source.file)}`
  const warnings: FeedWarning[] = []
  const warn = (reason: string, hint: string | null = null, lastGoodAgeMs: number | null = null) =>
    warnings.push({ feed: source.file, reason, hint, lastGoodAgeMs })

  const slurm = source.slurm === null ? null : await readSlurmFile(source.slurm)
  if (slurm?.ok === false) throw new FeedError([slurm])
  const kept = options.previous ?? (stateDir === null ? null : await readKept(stateDir, name, warn))
  const lastGood = kept === null ? null : withoutExpired(kept, nowMs)
  const finish = (origin: LoadedVrps['origin'], snapshot: VrpSnapshot, expired = 0): LoadedVrps => ({
    vrps: slurm === null ? snapshot.vrps : applySlurm(snapshot.vrps, slurm.slurm).vrps,
    expired,
    origin,
    snapshot,
    warnings,
  })

  const fresh = await readUsable(source, lastGood, options, name)
  if (!fresh.ok) {
    if (lastGood === null) throw new FeedError([fresh])
    warn(fresh.reason, fresh.hint, Math.max(0, nowMs - lastGood.generatedMs))
    return finish('last-good', lastGood)
  }
  if (stateDir !== null) {
    await writeLastGood(stateDir, name, encodeSnapshot(fresh.snapshot), nowMs).catch(
      (error: NodeJS.ErrnoException) =>
        warn(
          `cannot be saved as the last good copy (${error.code})`,
          `is ${stateDir} a folder that you may write?`,
        ),
    )
  }
  return finish('fresh', fresh.snapshot, fresh.expired)
}

async function readUsable(
  source: VrpSource,
  lastGood: VrpSnapshot | null,
  { stateDir, nowMs }: VrpOptions,
  name: string,
): Promise<
  | { readonly ok: true; readonly snapshot: VrpSnapshot; readonly expired: number }
  | ({ readonly ok: false } & FeedProblem)
> {
  const read = await readVrpFile(source.file, nowMs)
  if (!read.ok) return read
  const { vrps, expired, generatedMs } = read
  const assessment = assessVrps(
    { size: vrps.size, expired, generatedMs },
    lastGood?.vrps ?? null,
    nowMs,
    source.maxAgeMs,
  )
  if (assessment.outcome === 'accepted') return { ok: true, snapshot: { vrps, generatedMs }, expired }
  const hint = {
    empty: 'look at the validator: has it reached any trust anchor?',
    expired: 'look at the validator: does it still run? Is the clock of this machine right?',
    old: 'look at the validator: does it still run?',
    shrank: `look at the validator; if it is right, ${stateDir === null ? 'start this again' : `remove ${lastGoodPath(stateDir, name)}`}`,
  }[assessment.reason]
  return { ok: false, feed: source.file, reason: assessment.problem, hint }
}

/** `null` if the set is empty: it would validate nothing. */
function withoutExpired({ vrps, generatedMs }: VrpSnapshot, nowMs: number): VrpSnapshot | null {
  const valid = dropExpired(vrps, nowMs)
  return valid.size === 0 && vrps.size > 0 ? null : { vrps: valid, generatedMs }
}

async function readKept(
  stateDir: string,
  name: string,
  warn: (reason: string, hint?: string) => void,
): Promise<VrpSnapshot | null> {
  try {
    const kept = await readLastGood(stateDir, name)
    if (kept.found) return decodeSnapshot(kept.text)
    if (kept.note !== null) warn(kept.note)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    warn(`the last good copy cannot be read (${code})`, `may this user read ${stateDir}?`)
  }
  return null
}
