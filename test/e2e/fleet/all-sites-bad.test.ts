import { afterAll, beforeAll, expect, test } from 'vitest'
import { Tables } from '../../../src/lab/readiness.ts'
import {
  breakEndpoint,
  serviceOf,
  stagesOf,
  waitForRest,
  waitUntilWell,
} from '../../../src/lab/scenario/all-sites-bad.ts'
import type { Stage } from '../../../src/lab/scenario/scenario.ts'
import { SiteWatch } from '../../../src/lab/scenario/site-watch.ts'
import { type LabState, readState } from '../../../src/lab/state.ts'
import { patience } from '../../patience.ts'
import { randomOf } from '../../random.ts'
import { disturb, memberFailures, restore } from '../fixtures/etcd/member-failures.ts'
import { labDown, labUp } from '../fixtures/lab/lab.ts'

// Six sites and three members of the store. In each run every endpoint fails, in a random order with random delays, and members
// of the store are killed and cut off meanwhile. 200 runs, in less than an hour:
//   RUNS=200 SEED=1 npx vitest run --project e2e test/e2e/fleet/all-sites-bad.test.ts
const firstSeed = Number(process.env.SEED ?? 1)
const runs = Number(process.env.RUNS ?? 3)
const runLimitMs = patience(120_000)

const { signal } = new AbortController()
const tables = new Tables()
let state: LabState
let stages: Stage[]

beforeAll(async () => {
  await labUp('test/e2e/fleet/six-sites', '--store')
  state = (await readState())!
  stages = await stagesOf(state, [])
}, patience(180_000))
afterAll(async () => {
  tables.close()
  await labDown()
}, patience(60_000))

interface Step {
  readonly atMs: number
  readonly what: string
  readonly run: () => Promise<void>
}

/** Of one run: the failures of all sites within up to three seconds, and what becomes of the store meanwhile. */
async function planRun(random: () => number) {
  const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)]!
  const faults = await Promise.all(stages.map(breakEndpoint))
  // At once, or spread.
  const spreadMs = pick([0, 500, 3000])
  const breaks = faults.map(
    (fault, at): Step => ({
      atMs: random() * spreadMs,
      what: `${stages[at]!.node.name} fails`,
      run: () => fault.strike(),
    }),
  )
  const members = state.storeMembers.filter(() => random() < 0.5)
  const events = members.flatMap((member): Step[] => {
    const failure = pick(memberFailures)
    const atMs = random() * 3000
    const restoredAtMs = atMs + random() * 3000
    return [
      { atMs, what: `${member.name}: ${failure}`, run: () => disturb(member, failure) },
      { atMs: restoredAtMs, what: `${member.name} is restored`, run: () => restore(member, failure) },
    ]
  })
  const steps = [...breaks, ...events].sort((a, b) => a.atMs - b.atMs)
  return { faults, steps, firstBack: Math.floor(random() * stages.length) }
}

const seeds = Array.from({ length: runs }, (_, run) => firstSeed + run)

test.for(seeds)('seed %i: minSites is kept, and all come to rest', { timeout: runLimitMs }, async (seed) => {
  await waitUntilWell(state.nodes, signal)
  const { faults, steps, firstBack } = await planRun(randomOf(seed))
  const history = steps.map(({ atMs, what }) => `${Math.round(atMs)} ms: ${what}`).join('\n')
  const { prefixes, minSites } = serviceOf(stages[0]!)
  const watch = new SiteWatch(state, tables, new Set(prefixes))
  try {
    const startMs = performance.now()
    for (const { atMs, run } of steps) {
      const waitMs = startMs + atMs - performance.now()
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
      await run()
    }
    const rest = await waitForRest(stages, { as: 'any', forMs: 1500 }, signal)
    // Each that stays says why, in words. A store that was lost may take longer to be there than its members.
    const why =
      /; still announced: (?:\d other sites? (?:is|are) well, and minSites is 2|the store cannot be reached, and no other announcer is seen over iBGP)$/
    for (const { decision, detail } of rest) {
      if (decision === 'degrade') expect(detail).toMatch(why)
    }
    const [first, second, ...others] = [...stages.keys()].map((at) => (firstBack + at) % stages.length)
    for (const at of [first!, second!]) {
      await faults[at]!.repair()
      await waitUntilWell([stages[at]!.node], signal)
    }
    // Two are well: all others may go.
    await waitForRest(
      others.map((at) => stages[at]!),
      { as: 'withdrawn', forMs: 1000 },
      signal,
    )
  } catch (error) {
    throw new Error(`seed ${seed}:\n${history}`, { cause: error })
  } finally {
    const { least, losses } = await watch.end()
    for (const fault of faults) await fault.repair()
    expect(least, history).toBeGreaterThanOrEqual(minSites)
    // A site that has withdrawn stays withdrawn until it is repaired.
    for (const [site, count] of losses) expect(count, `${site}:\n${history}`).toBe(1)
  }
})
