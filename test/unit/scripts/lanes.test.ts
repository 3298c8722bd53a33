import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../../scripts/testing/lanes.mjs', import.meta.url))
const { shareOut } = (await import(script)) as {
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
