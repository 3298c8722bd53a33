import { readVrps } from '../rpki/read-vrps.ts'
import { readSlurm, type Slurm } from '../rpki/slurm.ts'
import type { VrpSet } from '../rpki/vrp-set.ts'
import { type FeedProblem, type FileRead, readBounded } from './feed.ts'

type VrpFileRead =
  | {
      readonly ok: true
      /** Without expired VRPs. */
      readonly vrps: VrpSet
      readonly expired: number
      /** In ms since 1970: the validator's timestamp, or that of the file if it is earlier. */
      readonly generatedMs: number
    }
  | ({ readonly ok: false } & FeedProblem)

/** Six times the current global set; also Node's longest string. */
const mostVrpBytes = 500 * 1024 * 1024
const mostSlurmBytes = 100 * 1024 * 1024

/** Reads and indexes a validator's JSON. */
export async function readVrpFile(path: string, nowMs: number): Promise<VrpFileRead> {
  const file = await readBounded(path, mostVrpBytes)
  if (!file.ok) return unreadable(path, file)
  const parsed = readVrps(file.bytes, nowMs)
  if (!parsed.ok) return { ok: false, feed: path, reason: parsed.problem, hint: parsed.hint }
  const { vrps, expired, generated } = parsed.value
  return {
    ok: true,
    vrps,
    expired,
    generatedMs: Math.min(file.modifiedMs, toMs(generated) ?? file.modifiedMs),
  }
}

export async function readSlurmFile(
  path: string,
): Promise<{ readonly ok: true; readonly slurm: Slurm } | ({ readonly ok: false } & FeedProblem)> {
  const file = await readBounded(path, mostSlurmBytes)
  if (!file.ok) return unreadable(path, file)
  const parsed = readSlurm(file.bytes)
  return parsed.ok
    ? { ok: true, slurm: parsed.value }
    : { ok: false, feed: path, reason: parsed.problem, hint: parsed.hint }
}

function unreadable(path: string, { problem }: Extract<FileRead, { ok: false }>) {
  const hint = 'name the file that the validator writes, and let this user read it'
  return { ok: false as const, feed: path, reason: problem, hint }
}

function toMs(generated: string | number | null): number | null {
  if (generated === null) return null
  const ms = typeof generated === 'number' ? generated * 1000 : Date.parse(generated)
  return Number.isFinite(ms) ? ms : null
}
