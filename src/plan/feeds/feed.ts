import { open, stat } from 'node:fs/promises'

/** A problem that does not prevent the plan. */
export interface FeedWarning {
  /** The feed, such as `AS-EXAMPLE ipv4` or a file. */
  readonly feed: string
  readonly reason: string
  readonly hint: string | null
  /** The age of the last good copy that is used instead; `null`: the new data is used. */
  readonly lastGoodAgeMs: number | null
}

export interface FeedProblem {
  readonly feed: string
  readonly reason: string
  readonly hint: string
}

/** A feed is unusable, and it has no last good copy. */
export class FeedError extends Error {
  override readonly name = 'FeedError'
  readonly problems: readonly FeedProblem[]

  constructor(problems: readonly FeedProblem[], options?: { cause?: unknown }) {
    super(problems.map(({ feed, reason, hint }) => `${feed}: ${reason}\n    ${hint}`).join('\n'), options)
    this.problems = problems
  }
}

export type FileRead =
  | { readonly ok: true; readonly bytes: Uint8Array; readonly modifiedMs: number }
  | { readonly ok: false; readonly problem: string }

/** Reads a regular file of at most `mostBytes`. The problem completes a message such as `/x …`. */
export async function readBounded(path: string, mostBytes: number): Promise<FileRead> {
  try {
    // Checked before it is opened, because opening a FIFO waits for a writer.
    if (!(await stat(path)).isFile()) return { ok: false, problem: 'is not a file' }
    const file = await open(path)
    try {
      const { size, mtimeMs } = await file.stat()
      if (size > mostBytes) {
        const mebibytes = (bytes: number) => Math.ceil(bytes / 1024 / 1024)
        return { ok: false, problem: `is ${mebibytes(size)} MiB long, beyond ${mebibytes(mostBytes)} MiB` }
      }
      const buffer = Buffer.alloc(size)
      let length = 0
      while (length < size) {
        const { bytesRead } = await file.read(buffer, length, size - length, length)
        if (bytesRead === 0) break
        length += bytesRead
      }
      return { ok: true, bytes: buffer.subarray(0, length), modifiedMs: mtimeMs }
    } finally {
      await file.close()
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    const known: Readonly<Record<string, string>> = { ENOENT: 'is not there', EACCES: 'may not be read' }
    return { ok: false, problem: known[code] ?? `can't be read (${code})` }
  }
}
