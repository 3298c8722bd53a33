import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { waitForStart } from '../../../src/lab/machine/wait-for-start.ts'
import { readProcess } from '../../../src/linux/proc.ts'

async function recordOf(changed: { startTicks?: number }) {
  const dir = await mkdtemp(join(tmpdir(), 'lab-start-'))
  onTestFinished(() => rm(dir, { recursive: true }))
  const log = join(dir, 'bird.err')
  await writeFile(log, 'bird.conf:3 syntax error\n')
  const { startTicks } = (await readProcess(process.pid))!
  return {
    name: 'bird',
    namespace: 'aw-oslo-a',
    argv: ['bird'],
    log,
    pid: process.pid,
    startTicks,
    ...changed,
  }
}

test('a program that runs is checked until it is ready', async () => {
  let checks = 0
  await waitForStart(await recordOf({}), 'listen', async () => ++checks === 3)
  expect(checks).toBe(3)
})

test('a program that ends before it is ready is an error with the end of its log', async () => {
  const ended = await recordOf({ startTicks: 1 })
  await expect(waitForStart(ended, 'listen', async () => false)).rejects.toThrow(
    'bird in aw-oslo-a ended at once: bird.conf:3 syntax error',
  )
})

test('an aborted start rejects with the reason', async () => {
  const work = waitForStart(
    await recordOf({}),
    'listen',
    async () => false,
    AbortSignal.abort(new Error('enough')),
  )
  await expect(work).rejects.toThrow('enough')
})
