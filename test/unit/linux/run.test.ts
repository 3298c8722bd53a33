import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { readProcess } from '../../../src/linux/proc.ts'
import { RunError, run } from '../../../src/linux/run.ts'
import { patience } from '../../patience.ts'

const failureOf = (argv: readonly [string, ...string[]], timeoutMs = 60_000) =>
  run(argv, { timeoutMs }).catch((error: unknown) => error)

test('a program is run without a shell, and its output is returned', async () => {
  expect(await run(['printf', '%s', '$HOME; false'], { timeoutMs: 60_000 })).toBe('$HOME; false')
})

test.each([
  [['sleep', '600'], 'timeout', 'sleep 600: no answer within 50 ms', 50],
  [['any-no-such-program', '-v'], 'not-installed', 'any-no-such-program -v: not installed', 60_000],
  [['sh', '-c', 'echo wrong >&2; exit 3'], 'failed', 'sh -c echo wrong >&2; exit 3: wrong', 60_000],
] as const)('%j fails as %s, with the command in the message', async (argv, kind, message, timeoutMs) => {
  const failure = await failureOf(argv, timeoutMs)
  expect(failure).toBeInstanceOf(RunError)
  expect(failure).toMatchObject({ kind, message, argv })
})

test('too much output is a failure of its own, not a time limit', async () => {
  expect(await failureOf(['cat', '/dev/zero'])).toMatchObject({ kind: 'too-long' })
})

test('a program gets its input, or an empty input', async () => {
  expect(await run(['cat'], { timeoutMs: 60_000, input: 'text' })).toBe('text')
  expect(await run(['cat'], { timeoutMs: 60_000 })).toBe('')
})

test('a program that reads none of its input fails by its own exit code', async () => {
  const input = 'x'.repeat(1_000_000)
  expect(await run(['true'], { timeoutMs: 60_000, input })).toBe('')
  await expect(run(['false'], { timeoutMs: 60_000, input })).rejects.toMatchObject({ kind: 'failed' })
})

test('when one program exceeds its time limit, the others are ended and reject with its error', async () => {
  const failure = new AbortController()
  const { signal } = failure
  const late = run(['sleep', '600'], { timeoutMs: 50, signal }).catch((error: unknown) => {
    failure.abort(error)
    throw error
  })
  const outcomes = await Promise.allSettled([late, run(['sleep', '601'], { timeoutMs: 60_000, signal })])
  expect(outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason.message)).toEqual([
    'sleep 600: no answer within 50 ms',
    'sleep 600: no answer within 50 ms',
  ])
  await expect(run(['sleep', '602'], { timeoutMs: 60_000, signal })).rejects.toThrow('sleep 600')
})

test.each(['its time limit', 'an abort'])(
  'past %s, a program is killed with what it has started, also what ignores SIGTERM',
  async (cause) => {
    const dir = await mkdtemp(join(tmpdir(), 'anyward-run-'))
    onTestFinished(() => rm(dir, { recursive: true }))
    const file = join(dir, 'pids')
    // The child keeps the output open: its end counts, not that of its parent.
    const child = `trap '' TERM HUP INT; echo $$ >> ${file}; while :; do sleep 600; done`
    const script = `trap '' TERM; echo $$ >> ${file}; (exec sh -c "${child.replaceAll('$', '\\$')}") & wait`
    const readPids = async () =>
      (await readFile(file, 'utf8').catch(() => '')).split('\n').filter((pid) => pid !== '')
    const stop = new AbortController()
    const failure = run(['sh', '-c', script], {
      timeoutMs: cause === 'an abort' ? 60_000 : 1500,
      signal: stop.signal,
    }).catch((error: unknown) => error)
    if (cause === 'an abort') {
      await vi.waitFor(async () => expect(await readPids()).toHaveLength(2), { timeout: patience(20_000) })
      stop.abort(new Error('stop'))
    }
    expect(await failure).toMatchObject(cause === 'an abort' ? { message: 'stop' } : { kind: 'timeout' })
    const pids = await readPids()
    await vi.waitFor(
      async () =>
        expect(await Promise.all(pids.map((pid) => readProcess(Number(pid))))).toEqual(pids.map(() => null)),
      { timeout: patience(20_000) },
    )
  },
)

test('a program that left its group, and has the output open, does not delay the error', async () => {
  const failure = await failureOf(['sh', '-c', 'setsid sleep 3 & wait'], 500)
  expect(failure).toMatchObject({ kind: 'timeout' })
})
