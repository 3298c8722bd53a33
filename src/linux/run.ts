import { execFile } from 'node:child_process'

/** A program that could not be run, failed, or passed its time limit; the message names the command. */
export class RunError extends Error {
  override readonly name = 'RunError'
  readonly argv: readonly string[]
  readonly kind: 'not-installed' | 'timeout' | 'failed'

  constructor(argv: readonly string[], kind: RunError['kind'], words: string, cause: unknown) {
    super(`${argv.join(' ')}: ${words}`, { cause })
    this.argv = argv
    this.kind = kind
  }
}

interface RunOptions {
  readonly timeoutMs: number
  /** The standard input; default: empty. */
  readonly input?: string | undefined
  /** Ends the program; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs a program without a shell and resolves with its output. Throws RunError. Does not use execa: the guard
 * runs for months, and must not load modules late.
 */
export function run(
  argv: readonly [string, ...string[]],
  { timeoutMs, input, signal }: RunOptions,
): Promise<string> {
  const [program, ...args] = argv
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 } as const
    const child = execFile(
      program,
      args,
      signal === undefined ? options : { ...options, signal },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else if (signal?.aborted) reject(signal.reason)
        else if (error.code === 'ENOENT') reject(new RunError(argv, 'not-installed', 'not installed', error))
        else if (error.killed === true && error.code !== 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') {
          reject(new RunError(argv, 'timeout', `no answer within ${timeoutMs} ms`, error))
        } else {
          const words = [stderr.trim(), stdout.trim(), error.message].find((text) => text !== '')!
          reject(new RunError(argv, 'failed', words, error))
        }
      },
    )
    // A program that ends early does not read all of its input; only its exit code counts.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input ?? '')
  })
}
