import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { isGlob, matchesGlob } from '../../../files/glob.ts'
import { isSystemError } from '../../../files/system-error.ts'
import type { DaemonKind } from '../../../manifest/daemon-kinds.ts'
import type { ConfigText, Place } from '../../../syntax/config-text.ts'
import { OperationError } from '../../../text/operation-error.ts'
import { readBird } from '../../takeover/bird/read.ts'
import { detectDaemon } from '../../takeover/detect.ts'
import { readFrr } from '../../takeover/frr/read.ts'
import type { FoundRouter, Left } from '../../takeover/router.ts'

const mebibyte = 1024 * 1024
/** Of all files together. */
const mostBytes = 16 * mebibyte
const mostFiles = 1000

/**
 * Reads a bird.conf with the files that it includes, or a frr.conf. `daemon`: which of the two, where the file does not
 * show it. Throws OperationError.
 */
export function readConfig(path: string, daemon: DaemonKind | null): FoundRouter {
  const left: Left[] = []
  const budget = { bytes: mostBytes, files: mostFiles }
  const main: ConfigText = { file: path, text: readText(path, budget) }
  const kind = detectDaemon(main.text) ?? daemon
  if (kind === null) {
    throw new OperationError(`${path} looks like neither a bird.conf nor a frr.conf`, {
      hint: 'name its daemon with --daemon, or leave --from out',
    })
  }
  if (kind === 'frr') return readFrr(main)
  const found = readBird(main, (pattern, from) => readIncluded(pattern, from, budget, left))
  return { ...found, left: [...found.left, ...left] }
}

type Budget = { bytes: number; files: number }

function readIncluded(pattern: string, from: Place, budget: Budget, left: Left[]): ConfigText[] {
  const place = `${from.file}:${from.line}`
  const files = isAbsolute(pattern) ? pattern : join(dirname(from.file), pattern)
  const names = expand(files)
  if (names.length === 0) {
    left.push({
      file: from.file,
      line: from.line,
      text: `include "${pattern}"`,
      reason: 'there is no such file',
    })
  }
  return names.flatMap((file): ConfigText[] => {
    try {
      return [{ file, text: readText(file, budget) }]
    } catch (error) {
      if (!(error instanceof OperationError)) throw error
      if (isSystemError(error.cause) && error.cause.code === 'ENOENT') {
        left.push({
          file: from.file,
          line: from.line,
          text: `include "${pattern}"`,
          reason: 'there is no such file',
        })
        return []
      }
      throw new OperationError(`${place} includes a file that is not read: ${error.message}`, {
        hint: error.hint,
        cause: error,
      })
    }
  })
}

/** The files of a pattern of BIRD's `include`, sorted; wildcards in the name of the file only. */
function expand(pattern: string): string[] {
  const [folder, name] = [dirname(pattern), pattern.slice(pattern.lastIndexOf('/') + 1)]
  if (!isGlob(pattern)) return [pattern]
  if (isGlob(folder)) return []
  try {
    return readdirSync(folder)
      .filter((entry) => matchesGlob(entry, name))
      .sort()
      .map((entry) => join(folder, entry))
  } catch {
    return []
  }
}

/** Not from a device or a pipe, which may never end. */
function readText(path: string, budget: Budget): string {
  const fail = (problem: string, hint: string, cause?: unknown) =>
    new OperationError(`${path} ${problem}`, { hint, ...(cause !== undefined && { cause }) })
  let file: number
  try {
    file = openSync(resolve(path), constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    if (!isSystemError(cause)) throw cause
    throw fail(`cannot be read (${cause.code})`, 'name a bird.conf or a frr.conf with --from', cause)
  }
  try {
    if (!fstatSync(file).isFile())
      throw fail('is not a regular file', 'name a bird.conf or a frr.conf with --from')
    budget.files -= 1
    if (budget.files < 0)
      throw fail(`is one of more than ${mostFiles} files`, 'leave out the files that have filters')
    const bytes = readStart(file, budget.bytes + 1)
    budget.bytes -= bytes.length
    if (budget.bytes < 0) {
      throw fail(
        `has more than ${mostBytes / mebibyte} MiB, with the files that it includes`,
        'leave out the files that have filters: they are not taken over',
      )
    }
    if (bytes.includes(0)) throw fail('is not a text file', 'name a bird.conf or a frr.conf with --from')
    return new TextDecoder('utf-8').decode(bytes)
  } catch (cause) {
    if (!isSystemError(cause)) throw cause
    throw fail(`cannot be read (${cause.code})`, 'name a bird.conf or a frr.conf with --from', cause)
  } finally {
    closeSync(file)
  }
}

/** At most `most` bytes; the size of a file of /proc is 0. */
function readStart(file: number, most: number): Buffer {
  const chunks: Buffer[] = []
  let length = 0
  while (length < most) {
    const chunk = Buffer.alloc(Math.min(mebibyte, most - length))
    const read = readSync(file, chunk, 0, chunk.length, null)
    if (read === 0) break
    chunks.push(chunk.subarray(0, read))
    length += read
  }
  return Buffer.concat(chunks)
}
