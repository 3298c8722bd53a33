import type { Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'

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
  | UnreadableFile

export interface UnreadableFile {
  readonly ok: false
  /** Completes a message such as `/x …`. */
  readonly problem: string
}

/** Reads a regular file of at most `mostBytes`. */
export async function readBounded(path: string, mostBytes: number): Promise<FileRead> {
  return openBounded(path, mostBytes, async (file, { size, mtimeMs }) => {
    const buffer = Buffer.alloc(size)
    let length = 0
    while (length < size) {
      const { bytesRead } = await file.read(buffer, length, size - length, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return { ok: true, bytes: buffer.subarray(0, length), modifiedMs: mtimeMs }
  })
}

// A longer string costs V8 memory of its own, which the system clears first.
const pieceBytes = 64 * 1024

/**
 * Reads a regular file of at most `mostBytes` in pieces, as text with one character for each byte, until `push` of the
 * reader returns `false`. `start` makes the reader for a file of so many bytes.
 */
export async function readPieces<R extends { push(piece: string): boolean }>(
  path: string,
  mostBytes: number,
  start: (size: number) => R,
): Promise<{ readonly ok: true; readonly reader: R; readonly modifiedMs: number } | UnreadableFile> {
  return openBounded(path, mostBytes, async (file, { size, mtimeMs }) => {
    const reader = start(size)
    const buffer = Buffer.alloc(pieceBytes)
    for (let at = 0; at < size; ) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(pieceBytes, size - at), at)
      if (bytesRead === 0 || !reader.push(buffer.toString('latin1', 0, bytesRead))) break
      at += bytesRead
    }
    return { ok: true, reader, modifiedMs: mtimeMs }
  })
}

async function openBounded<T>(
  path: string,
  mostBytes: number,
  use: (file: FileHandle, stats: Stats) => Promise<T>,
): Promise<T | UnreadableFile> {
  try {
    // Checked before it is opened, because opening a FIFO waits for a writer.
    if (!(await stat(path)).isFile()) return { ok: false, problem: 'is not a file' }
    const file = await open(path)
    try {
      const stats = await file.stat()
      if (stats.size > mostBytes) {
        const mebibytes = (bytes: number) => Math.ceil(bytes / 1024 / 1024)
        return {
          ok: false,
          problem: `is ${mebibytes(stats.size)} MiB long, beyond ${mebibytes(mostBytes)} MiB`,
        }
      }
      return await use(file, stats)
    } finally {
      await file.close()
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    const known: Readonly<Record<string, string>> = { ENOENT: 'is not there', EACCES: 'may not be read' }
    return { ok: false, problem: known[code] ?? `cannot be read (${code})` }
  }
}
