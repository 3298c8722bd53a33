import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { setPriority } from 'node:os'
import { listProcesses, readEnvironment } from '../../../linux/proc.ts'
import { trySignal } from '../../../linux/try-signal.ts'
import { Deadline } from '../../wireguard/deadline.ts'

interface ProcessOptions {
  /** The program and its arguments; no shell. */
  readonly argv: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** How much of the end of its output is kept, in bytes. */
  readonly keepBytes: number
  /** A process that prints more is killed. */
  readonly limitBytes: number
  /** Ends it at once. */
  readonly signal: AbortSignal
}

type ProcessEnd =
  | { readonly end: 'exit'; readonly code: number }
  /** By a signal from another process, or by a crash. */
  | { readonly end: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly end: 'timeout' | 'output-limit' | 'aborted' }
  /** This process was not scheduled for most of the time. */
  | { readonly end: 'starved'; readonly stalledMs: number }
  | { readonly end: 'not-started'; readonly code: string }

export interface ProcessResult {
  readonly end: ProcessEnd
  /** The end of its output on stdout and stderr, in the order of arrival. */
  readonly output: Buffer
  /** A process that survived SIGKILL, because it waits for a device. */
  readonly survivor: number | null
}

/** Identifies the processes of one run, also those that left its group. */
const markName = 'ANYWARD_RUN'
/** A killed process ends within this time, or waits for a device. */
const graceMs = 1_000
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Runs a program as the leader of a process group, in `/`, with an empty stdin and only `env` and a PATH as its
 * environment. When it ends or exceeds its time limit, its group is killed. After the time limit, or if a process
 * still has its output open, processes that left the group are killed too. A daemon that left the group, closed
 * its output and let its parent exit normally keeps running.
 */
export async function runProcess(options: ProcessOptions): Promise<ProcessResult> {
  const mark = randomUUID()
  const [program, ...words] = options.argv
  const output = new Tail(options.keepBytes)
  let child: ChildProcess
  try {
    child = spawn(program, words, {
      cwd: '/',
      env: { PATH: path, ...options.env, [markName]: mark },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
  } catch (error) {
    return { end: notStarted(error), output: output.bytes, survivor: null }
  }
  // From here: the start takes this process some 10 ms, or 100 on a slow machine.
  const deadline = new Deadline(options.timeoutMs)
  calm(child.pid)
  const exited = new Promise<ProcessEnd>((resolve) => {
    child.once('error', (error) => resolve(notStarted(error)))
    child.once('exit', (code, signal) =>
      resolve(signal === null ? { end: 'exit', code: code ?? 0 } : { end: 'signal', signal }),
    )
  })
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let abort = () => {}
  const stopped = new Promise<ProcessEnd>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output.add(chunk)
        if (output.length > options.limitBytes) resolve({ end: 'output-limit' })
      })
    }
    deadline.whenOver(() =>
      resolve(deadline.isStarved ? { end: 'starved', stalledMs: deadline.stalledMs } : { end: 'timeout' }),
    )
    abort = () => resolve({ end: 'aborted' })
  })
  options.signal.addEventListener('abort', abort)
  if (options.signal.aborted) abort()

  const end = await Promise.race([exited, stopped])
  deadline.cancel()
  options.signal.removeEventListener('abort', abort)
  const hasEnded = end.end === 'exit' || end.end === 'signal' || end.end === 'not-started'
  killGroup(child.pid)
  // Wait for the last output; or a process that left the group still has it open.
  const isQuiet = hasEnded && (await within(graceMs / 4, closed))
  if (!isQuiet) await killMarked(mark)
  const isGone = await within(graceMs, exited)
  for (const stream of [child.stdout, child.stderr]) stream?.destroy()
  if (!isGone) child.unref()
  return { end, output: output.bytes, survivor: isGone ? null : (child.pid ?? null) }
}

function notStarted(error: unknown): ProcessEnd {
  return { end: 'not-started', code: (error as NodeJS.ErrnoException).code ?? 'unknown error' }
}

/** SIGKILL, because SIGTERM can be ignored. The group outlives its leader, so its id is not reused meanwhile. */
function killGroup(leader: number | undefined): void {
  if (leader !== undefined) trySignal(-leader, 'SIGKILL')
}

/** The controller has a raised priority, and its children inherit it. */
function calm(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, 0)
  } catch {
    // The process has ended, or the priority was not raised.
  }
}

async function within(timeoutMs: number, event: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false)
  })
  const came = await Promise.race([event.then(() => true), late])
  clearTimeout(timer)
  return came
}

/** Processes that fork during a search are found in the next round. */
const rounds = 5

async function killMarked(mark: string): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const pids = await findMarked(mark)
    if (pids.length === 0) return
    for (const pid of pids) trySignal(pid, 'SIGKILL')
  }
}

async function findMarked(mark: string): Promise<number[]> {
  const found: number[] = []
  for (const pid of await listProcesses().catch(() => [])) {
    if ((await readEnvironment(pid)).includes(`${markName}=${mark}`)) found.push(pid)
  }
  return found
}

/** The last bytes of a stream. */
class Tail {
  readonly #keepBytes: number
  #chunks: Buffer[] = []
  #kept = 0
  length = 0

  constructor(keepBytes: number) {
    this.#keepBytes = keepBytes
  }

  add(chunk: Buffer): void {
    this.length += chunk.length
    this.#chunks.push(chunk)
    this.#kept += chunk.length
    if (this.#kept > 2 * this.#keepBytes) {
      this.#chunks = [this.bytes]
      this.#kept = this.#chunks[0]!.length
    }
  }

  get bytes(): Buffer {
    const all = Buffer.concat(this.#chunks)
    return Buffer.from(all.subarray(Math.max(0, all.length - this.#keepBytes)))
  }
}
