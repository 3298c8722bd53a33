import { expect, test } from 'vitest'
import { RunError, run } from '../../../src/linux/run.ts'

const failureOf = (argv: readonly [string, ...string[]], timeoutMs = 60_000) =>
  run(argv, { timeoutMs }).catch((error: unknown) => error)

test('a program is run without a shell, and its output is returned', async () => {
  expect(await run(['printf', '%s', '$HOME; false'], { timeoutMs: 60_000 })).toBe('$HOME; false')
})

test.each([
  [['sleep', '600'], 'timeout', 'sleep 600: no answer in 50 ms', 50],
  [['any-no-such-program', '-v'], 'not-installed', 'any-no-such-program -v: not installed', 60_000],
  [['sh', '-c', 'echo wrong >&2; exit 3'], 'failed', 'sh -c echo wrong >&2; exit 3: wrong', 60_000],
] as const)('%j fails as %s, with the command in the message', async (argv, kind, message, timeoutMs) => {
  const failure = await failureOf(argv, timeoutMs)
  expect(failure).toBeInstanceOf(RunError)
  expect(failure).toMatchObject({ kind, message, argv })
})

test('output without end is a failure, and no time limit', async () => {
  expect(await failureOf(['cat', '/dev/zero'])).toMatchObject({ kind: 'failed' })
})
