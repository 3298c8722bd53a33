import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { RunError } from './run.ts'

interface SecretOptions {
  readonly timeoutMs: number
  /** What the program reads from /dev/fd/3, /dev/fd/4 and so on: neither in its arguments nor in a file. */
  readonly secrets: readonly string[]
}

/** Runs a program without a shell, with a pipe for each secret. Throws RunError, which names the program only. */
export function runWithSecrets(
  argv: readonly [string, ...string[]],
  { timeoutMs, secrets }: SecretOptions,
): Promise<void> {
  const [program, ...args] = argv
  // The arguments name users and their addresses.
  const shown = argv.slice(0, 3)
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'pipe', ...secrets.map(() => 'pipe' as const)],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    child.once('error', ({ code }: NodeJS.ErrnoException) => {
      const kind = code === 'ENOENT' ? 'not-installed' : 'failed'
      reject(new RunError(shown, kind, code === 'ENOENT' ? 'not installed' : `cannot be started (${code})`))
    })
    child.stderr!.resume()
    secrets.forEach((secret, at) => {
      const pipe = child.stdio[3 + at] as Writable
      // A program that ends early does not read it.
      pipe.on('error', () => {})
      pipe.end(secret)
    })
    child.once('close', (code, endedBy) => {
      if (code === 0) resolve()
      else if (endedBy === 'SIGKILL')
        reject(new RunError(shown, 'timeout', `no answer within ${timeoutMs} ms`))
      else
        reject(new RunError(shown, 'failed', endedBy === null ? `exit code ${code}` : `ended by ${endedBy}`))
    })
  })
}
