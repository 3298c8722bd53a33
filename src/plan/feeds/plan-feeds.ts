import { resolve } from 'node:path'
import type { Family } from '../../net/prefix.ts'
import type { PrefixRange } from '../../net/prefix-range.ts'
import type { VrpSet } from '../rpki/vrp-set.ts'
import { type Fleet, familiesOf, type IrrFilter, type VrpSource } from '../sites/fleet.ts'
import { irrKey } from '../sites/irr-key.ts'
import { FeedError, type FeedProblem, type FeedWarning } from './feed.ts'
import { loadIrrSet } from './irr-source.ts'
import { loadVrps } from './vrp-source.ts'

interface FeedOptions {
  /** The folder of the last good copies. */
  readonly stateDir: string
  /** The base of relative paths in the YAML. */
  readonly baseDir: string
  readonly nowMs: number
  /** Ends running queries. */
  readonly signal?: AbortSignal
  /** Sends no IRR query. */
  readonly offline?: boolean
  /** For each IRR set. */
  readonly timeoutMs?: number
  /** What it does now. */
  readonly onStep?: (step: string) => void
}

export interface LoadedFeeds {
  /** Fits the planner's `PlanFeeds`. */
  readonly feeds: {
    readonly irr: ReadonlyMap<string, readonly PrefixRange[]>
    readonly vrps: VrpSet | null
  }
  /** When the validator made the VRPs, in ms since 1970. */
  readonly vrpsGeneratedMs: number | null
  readonly warnings: readonly FeedWarning[]
}

/** bgpq4 queries each AS of a set in turn, and a large set has thousands. */
const defaultTimeoutMs = 60_000
/** IRR servers limit the connections from one address. */
const atOnce = 4

/**
 * Loads the IRR sets and VRPs of a fleet's plan, each set once for all its neighbors. Throws one `FeedError` with
 * every feed that is unavailable and has no last good copy.
 */
export async function loadPlanFeeds(fleet: Fleet, options: FeedOptions): Promise<LoadedFeeds> {
  const warnings: FeedWarning[] = []
  const problems: FeedProblem[] = []
  const collect = async <T extends { warnings: readonly FeedWarning[] }>(loading: Promise<T>) => {
    try {
      const loaded = await loading
      warnings.push(...loaded.warnings)
      return loaded
    } catch (error) {
      if (!(error instanceof FeedError)) throw error
      problems.push(...error.problems)
      return null
    }
  }
  const irr = new Map<string, readonly PrefixRange[]>()
  const { timeoutMs = defaultTimeoutMs, onStep, ...rest } = options
  const sets = setsOf(fleet)
  const waiting = [...sets]
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [key, { filter, family }] = next
      onStep?.(`load IRR sets: ${sets.size - waiting.length} of ${sets.size}`)
      const set = await collect(loadIrrSet(filter, family, { ...fleet.irr, ...rest, timeoutMs }))
      if (set !== null) irr.set(key, set.ranges)
    }
  }
  const source = fleet.rpki?.vrps ?? null
  if (source !== null) onStep?.(`read ${source.file}`)
  const [vrps] = await Promise.all([
    source === null ? null : collect(loadVrps(within(options.baseDir, source), options)),
    ...Array.from({ length: atOnce }, work),
  ])
  if (problems.length > 0) throw new FeedError(problems)
  return {
    feeds: { irr, vrps: vrps?.vrps ?? null },
    vrpsGeneratedMs: vrps?.snapshot.generatedMs ?? null,
    warnings,
  }
}

function within(baseDir: string, { file, slurm, maxAgeMs }: VrpSource): VrpSource {
  return {
    file: resolve(baseDir, file),
    slurm: slurm === null ? null : resolve(baseDir, slurm),
    maxAgeMs,
  }
}

/** By `irrKey`. */
function setsOf(fleet: Fleet): Map<string, { filter: IrrFilter; family: Family }> {
  const sets = new Map<string, { filter: IrrFilter; family: Family }>()
  for (const node of fleet.sites.flatMap((site) => site.nodes)) {
    for (const neighbor of node.neighbors) {
      const { irr: filter } = neighbor
      if (filter === null) continue
      for (const family of familiesOf(neighbor)) sets.set(irrKey(filter, family), { filter, family })
    }
  }
  return sets
}
