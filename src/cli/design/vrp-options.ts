import { resolve } from 'node:path'
import { FeedError } from '../../plan/feeds/feed.ts'
import { formatCount } from '../../plan/rpki/assess.ts'
import type { Fleet, VrpSource } from '../../plan/sites/fleet.ts'
import { CommandError } from '../failure.ts'

export interface VrpFileOptions {
  sites: string
  vrps?: string
  slurm?: string
}

const defaultMaxAgeMs = 24 * 3_600_000

/** The VRPs that a command reads: those of its options, else those of the fleet, with paths relative to its folder. */
export function vrpSourceOf(options: VrpFileOptions, fleet: Fleet | null): VrpSource {
  const known = fleet?.rpki?.vrps ?? null
  const inFleet = (path: string | null | undefined) =>
    path === null || path === undefined ? null : resolve(options.sites, path)
  const file = options.vrps ?? inFleet(known?.file)
  if (file === null) {
    throw new CommandError('there are no VRPs to read', {
      hint: 'name a file with --vrps FILE, or in fleet.yaml: rpki: { vrps: { file: … } }',
    })
  }
  // The fleet's local exceptions also apply to a file named with --vrps, unless --slurm names others.
  const slurm = options.slurm ?? inFleet(known?.slurm)
  return { file, slurm, maxAgeMs: known?.maxAgeMs ?? defaultMaxAgeMs }
}

/** VRPs or IRR sets that cannot be loaded become a short message. */
export function toCommandError(error: unknown): unknown {
  if (!(error instanceof FeedError)) return error
  const [first] = error.problems
  if (first === undefined) return error
  const message = error.problems.map(({ feed, reason }) => `${feed} ${reason}`).join('\n')
  return new CommandError(message, { hint: first.hint, cause: error })
}

/** For interactive commands. Prints nothing if no VRP has expired. */
export function warnOfExpired({ file }: VrpSource, expired: number): void {
  if (expired === 0) return
  process.stderr.write(
    `warning: ${formatCount(expired)} VRPs of ${file} have expired and do not count: does the validator still run?\n`,
  )
}
