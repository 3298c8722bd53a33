import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../../scripts/testing/leftovers.mjs', import.meta.url))
const { endMarked } = (await import(script)) as {
  readonly endMarked: (runId: string, namespacesBefore: ReadonlySet<string> | null) => Promise<number[]>
}

test('the processes of a run are ended, also one in a session of its own, and no others', async () => {
  const runId = randomUUID()
  const stranger = execa('sleep', ['600'], { reject: false, env: { ANYWARD_TEST_RUN: randomUUID() } })
  // Its parent ends at once, and it leaves the process group: only the mark identifies it.
  const { stdout } = await execa('sh', ['-c', 'setsid sleep 600 >/dev/null 2>&1 & echo $!'], {
    env: { ANYWARD_TEST_RUN: runId },
  })
  const child = execa('sleep', ['600'], { reject: false, env: { ANYWARD_TEST_RUN: runId } })
  const ended = await endMarked(runId, null)
  expect(ended).toEqual(expect.arrayContaining([Number(stdout), child.pid]))
  expect((await child).signal).toBe('SIGKILL')
  await expect.poll(() => isGone(Number(stdout)), { timeout: 30_000 }).toBe(true)
  expect(await isGone(stranger.pid!)).toBe(false)
  stranger.kill('SIGKILL')
  await stranger
})

async function isGone(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return status === '' || /^State:\s+[ZX]/m.test(status)
}
