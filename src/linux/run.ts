import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { killTree } from './kill-tree.ts'

/** A program that could not be run, failed, or passed its time limit; the message names the command. */
export class RunError extends Error {
  override readonly name = 'RunError'
  readonly argv: readonly string[]
  readonly kind: 'not-installed' | 'timeout' | 'too-long' | 'failed'
  /** The message without the command. */
  readonly words: string

  constructor(argv: readonly string[], kind: RunError['kind'], words: string, cause?: unknown) {
    super(`${argv.join(' ')}: ${words}`, cause === undefined ? undefined : { cause })
    this.argv = argv
    this.kind = kind
    this.words = words
  }
}

export interface RunOptions {
  readonly timeoutMs: number
  /** The standard input; default: empty. */
  readonly input?: string | Uint8Array | undefined
  /** Ends the program; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** A program that prints more, on one of its two outputs, is killed. */
  readonly limitBytes?: number
  /** Takes the standard output, some 64 KB a turn of the event loop at most, which then is not part of the result. */
  readonly onOutput?: (chunk: Buffer) => void
  /** The exit codes of a program that has done its job; default: 0. */
  readonly codes?: readonly number[]
}

export interface Output {
  readonly stdout: string
  readonly stderr: string
}

const defaultLimitBytes = 16 * 2 ** 20
/** A killed process ends within this time, or waits for a device. */
const graceMs = 1000

/** Runs a program without a shell and resolves with its output. Throws RunError. */
export async function run(argv: readonly [string, ...string[]], options: RunOptions): Promise<string> {
  return (await runForOutput(argv, options)).stdout
}

/**
 * The same, with what a program that succeeds prints on stderr. Past its time limit, SIGKILL ends the program and the
 * processes that it has started. It does not use execa, which takes 8 MB of memory: the controller and the guard run
 * for months.
 */
export async function runForOutput(
  argv: readonly [string, ...string[]],
  { timeoutMs, input, signal, limitBytes = defaultLimitBytes, onOutput, codes = [0] }: RunOptions,
): Promise<Output> {
  signal?.throwIfAborted()
  const child = await startProgram(argv)
  return new Promise((resolve, reject) => {
    let failure: unknown = null
    let grace: NodeJS.Timeout | undefined
    const settle = (done: () => void) => {
      clearTimeout(timer)
      clearTimeout(grace)
      signal?.removeEventListener('abort', abort)
      done()
    }
    const kill = (cause: unknown) => {
      failure ??= cause
      if (child.pid !== undefined) killTree(child.pid)
      // A process that has left the group may have them open.
      child.stdout.destroy()
      child.stderr.destroy()
      grace ??= setTimeout(() => settle(() => reject(failure)), graceMs)
    }
    const timer = setTimeout(
      () => kill(new RunError(argv, 'timeout', `no answer within ${timeoutMs} ms`)),
      timeoutMs,
    )
    const abort = () => kill(signal!.reason)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    const overflow = () => kill(new RunError(argv, 'too-long', `printed more than ${limitBytes} bytes`))
    const stdout = collect(child.stdout, limitBytes, overflow, onOutput)
    const stderr = collect(child.stderr, limitBytes, overflow)
    child.once('close', (code, endedBy) =>
      settle(() => {
        if (failure !== null) reject(failure)
        else if (code !== null && codes.includes(code)) resolve({ stdout: stdout(), stderr: stderr() })
        else {
          const end = endedBy === null ? `exit code ${code}` : `ended by ${endedBy}`
          const words = [stderr().trim(), stdout().trim(), end].find((text) => text !== '')!
          reject(new RunError(argv, 'failed', words))
        }
      }),
    )
    // A program that ends early does not read all of its input; only its exit code counts.
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? '')
  })
}

/**
 * Starts a program. Throws RunError. Not in a session of its own: that would have the default priority where the kernel
 * groups sessions (sched(7), "The autogroup feature"), and this process is blocked until the program has started: twice as
 * long on a machine that is busy with programs of a raised priority.
 */
export async function startProgram(argv: readonly [string, ...string[]]) {
  const [program, ...args] = argv
  try {
    const child = spawn(program, args, { stdio: 'pipe' })
    await once(child, 'spawn')
    return child
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new RunError(argv, 'not-installed', 'not installed', error)
    throw new RunError(argv, 'failed', `cannot be started (${code})`, error)
  }
}

function collect(
  stream: Readable,
  limitBytes: number,
  onOverflow: () => void,
  onOutput?: (chunk: Buffer) => void,
): () => string {
  const chunks: Buffer[] = []
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > limitBytes) onOverflow()
    else if (onOutput === undefined) chunks.push(chunk)
    else {
      onOutput(chunk)
      // Else libuv reads up to 32 of them, while everything else waits.
      stream.pause()
      setImmediate(() => stream.resume())
    }
  })
  stream.on('error', () => {})
  return () => Buffer.concat(chunks).toString('utf8')
}
