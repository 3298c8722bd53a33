import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../../scripts/testing/lanes.mjs', import.meta.url))
interface Job {
  readonly file: string
  readonly bird: '2' | '3' | null
}

const { listJobs, shareOut } = (await import(script)) as {
  readonly listJobs: (onlyDaemons: boolean) => Job[]
  readonly shareOut: <Job>(
    jobs: readonly Job[],
    lanes: number,
    run: (job: Job) => Promise<void>,
  ) => Promise<void>
}

test('a free lane takes the next job, and at most as many jobs as lanes run at once', async () => {
  const said: string[] = []
  const ends = new Map<string, () => void>()
  const all = shareOut(['a', 'b', 'c', 'd'], 2, async (job) => {
    said.push(`${job} begins`)
    await new Promise<void>((resolve) => ends.set(job, resolve))
    said.push(`${job} ends`)
  })
  for (const job of ['b', 'c', 'a', 'd']) {
    await expect.poll(() => ends.has(job)).toBe(true)
    ends.get(job)!()
  }
  await all
  expect(said).toEqual([
    ...['a begins', 'b begins', 'b ends', 'c begins', 'c ends', 'd begins'],
    ...['a ends', 'd ends'],
  ])
})

test('a run has a part with the daemons of Debian 13, and a run in their root has none', () => {
  const part = listJobs(false).filter(({ bird }) => bird !== null)
  expect(new Set(part.map(({ bird }) => bird))).toEqual(new Set(['2', '3']))
  expect(part.filter(({ file }) => !existsSync(file))).toEqual([])
  const inRoot = listJobs(true)
  expect(inRoot.every(({ bird }) => bird === null)).toBe(true)
  for (const file of ['test/proof/neighbors.test.ts', 'test/e2e/rollout/rollout-store.test.ts'])
    expect(inRoot.map((job) => job.file)).toContain(file)
  expect(inRoot.map(({ file }) => file)).not.toContain('test/e2e/planning/planner.test.ts')
})
