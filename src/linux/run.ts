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

/**
 * Runs a program without a shell and resolves with its output. Throws RunError. Not by execa: the guard runs for
 * months, and loads no file at the moment it is needed.
 */
export function run(
  argv: readonly [string, ...string[]],
  { timeoutMs }: { timeoutMs: number },
): Promise<string> {
  const [program, ...args] = argv
  return new Promise((resolve, reject) => {
    const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 } as const
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else if (error.code === 'ENOENT') reject(new RunError(argv, 'not-installed', 'not installed', error))
      else if (error.killed === true && error.code !== 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') {
        reject(new RunError(argv, 'timeout', `no answer in ${timeoutMs} ms`, error))
      } else {
        const words = stderr.trim() === '' ? error.message : stderr.trim()
        reject(new RunError(argv, 'failed', words, error))
      }
    })
  })
}
