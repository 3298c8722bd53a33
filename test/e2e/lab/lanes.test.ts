import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'

const script = fileURLToPath(new URL('../../../scripts/testing/lanes.mjs', import.meta.url))
const { inLane } = (await import(script)) as {
  readonly inLane: (leftovers: string, argv: readonly string[]) => [string, ...string[]]
}

/** Runs a command in a lane; returns its exit code and what it leaves behind. */
async function runInLane(command: string) {
  const dir = await mkdtemp(join(tmpdir(), 'lane-'))
  onTestFinished(() => rm(dir, { recursive: true }))
  const runId = randomUUID()
  const [file, ...options] = inLane(join(dir, 'left.json'), ['sh', '-c', command])
  const env = { ANYWARD_TEST_RUN: runId }
  const { exitCode, stdout } = await execa(file, options, { reject: false, env })
  const leftovers = JSON.parse(await readFile(join(dir, 'left.json'), 'utf8')) as string[]
  return { exitCode, stdout, leftovers, runId }
}

test('a lane returns the exit code of its command, and reports nothing when the command leaves nothing behind', async () => {
  const { exitCode, stdout, leftovers } = await runInLane('echo here; exit 3')
  expect({ exitCode, stdout, leftovers }).toEqual({ exitCode: 3, stdout: 'here', leftovers: [] })
})

test('namespaces, links and processes that a command leaves behind are reported, and removed with the lane', async () => {
  const { exitCode, leftovers, runId } = await runInLane(
    'ip netns add ln-left && ip link add ln-left type bridge && { sleep 600 & }',
  )
  expect(exitCode).toBe(0)
  expect(leftovers).toEqual([
    'left behind: /run/netns/ln-left',
    'left behind: link ln-left',
    expect.stringMatching(/^left behind: process \d+: sleep 600$/),
  ])
  expect(existsSync('/run/netns/ln-left')).toBe(false)
  const marks = (await readdir('/proc'))
    .filter((pid) => /^\d+$/.test(pid))
    .map((pid) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''))
  expect((await Promise.all(marks)).filter((environ) => environ.includes(runId))).toEqual([])
})
