import { readVrps, type VrpFile } from '../rpki/read-vrps.ts'
import { VrpScan } from '../rpki/scan-vrps.ts'
import { readSlurm, type Slurm } from '../rpki/slurm.ts'
import type { VrpSet } from '../rpki/vrp-set.ts'
import { type FeedProblem, readBounded, readPieces, type UnreadableFile } from './feed.ts'

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

/** Bytes of the shortest entry that a validator writes. */
const leastPerEntry = 60

/** Reads and indexes a validator's JSON. A file of another shape than the usual one is read again as a whole. */
export async function readVrpFile(path: string, nowMs: number): Promise<VrpFileRead> {
  const pieces = await readPieces(
    path,
    mostVrpBytes,
    (size) => new VrpScan(nowMs, Math.ceil(size / leastPerEntry)),
  )
  if (!pieces.ok) return unreadable(path, pieces)
  const scanned = pieces.reader.finish()
  if (scanned !== null) return describeRead(scanned, pieces.modifiedMs)
  const file = await readBounded(path, mostVrpBytes)
  if (!file.ok) return unreadable(path, file)
  const parsed = readVrps(file.bytes, nowMs)
  if (!parsed.ok) return { ok: false, feed: path, reason: parsed.problem, hint: parsed.hint }
  return describeRead(parsed.value, file.modifiedMs)
}

function describeRead({ vrps, expired, generated }: VrpFile, modifiedMs: number): VrpFileRead {
  return { ok: true, vrps, expired, generatedMs: Math.min(modifiedMs, toMs(generated) ?? modifiedMs) }
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

function unreadable(path: string, { problem }: UnreadableFile) {
  const hint = 'name the file that the validator writes, and let this user read it'
  return { ok: false as const, feed: path, reason: problem, hint }
}

function toMs(generated: string | number | null): number | null {
  if (generated === null) return null
  const ms = typeof generated === 'number' ? generated * 1000 : Date.parse(generated)
  return Number.isFinite(ms) ? ms : null
}
