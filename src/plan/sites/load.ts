import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { ConfigError } from '../../text/issue.ts'
import type { FleetFileText } from './file-text.ts'
import type { Fleet } from './fleet.ts'
import { FleetFolderError } from './folder-error.ts'
import { isFleetFile, type ParsedFleet, parseFleet } from './parse.ts'

const mebibyte = 1024 * 1024
const largestFile = 4 * mebibyte
const largestExtra = mebibyte

/**
 * Reads a folder with `fleet.yaml` and one `*.yaml` or `*.yml` file per site; other files are ignored.
 * Throws `FleetFolderError` if the folder cannot be read; every other problem is an issue.
 */
export async function loadFleet(dir: string): Promise<ParsedFleet> {
  const names = await listFiles(dir)
  const files: FleetFileText[] = []
  for (const name of names) {
    const file = join(dir, name)
    files.push(
      isMisnamed(name)
        ? {
            name: file,
            problem: 'shared settings are read from fleet.yaml only',
            hint: 'rename it to fleet.yaml, or move it to another folder',
          }
        : readText(file),
    )
  }
  if (!names.some((name) => isFleetFile(name) || isMisnamed(name))) {
    files.unshift({
      name: join(dir, 'fleet.yaml'),
      problem: 'there is no such file',
      hint: 'it contains the settings that all sites share: asn, services',
    })
  }
  const extra = new Map<string, FleetFileText>()
  return parseFleet(files, (name) => {
    const read = extra.get(name) ?? readText(isAbsolute(name) ? name : join(dir, name), largestExtra)
    extra.set(name, read)
    return read
  })
}

/** The fleet, or a `ConfigError` with all issues. */
export async function requireFleet(dir: string): Promise<Fleet> {
  const loaded = await loadFleet(dir)
  // The issues are not read otherwise: each file with a warning is parsed again for them.
  if (loaded.fleet === null) throw new ConfigError(loaded.issues)
  return loaded.fleet
}

/** `fleet.yaml` first, then the sites by name: the order of the issues, and of the fleet. */
async function listFiles(dir: string): Promise<string[]> {
  let names: string[]
  try {
    names = await readdir(dir)
  } catch (cause) {
    throw new FleetFolderError(dir, describeCause(cause), { cause })
  }
  // Editors keep locks and copies in dot files beside the file: `.#fra1.yaml`.
  const yaml = names.filter((name) => /\.ya?ml$/i.test(name) && !name.startsWith('.'))
  return yaml.sort((a, b) => Number(isFleetFile(b)) - Number(isFleetFile(a)) || (a < b ? -1 : 1))
}

function isMisnamed(name: string): boolean {
  return !isFleetFile(name) && /^fleet\.ya?ml$/i.test(name)
}

/** Synchronous: for thousands of small files, four awaits each take a sixth of the load time. */
function readText(name: string, largest = largestFile): FleetFileText {
  let bytes: Uint8Array
  try {
    // Opening a FIFO would block until a writer opens it.
    const stats = statSync(name)
    if (!stats.isFile()) {
      return { name, problem: 'is not a file', hint: 'move it out of the folder' }
    }
    const { size } = stats
    if (size > largest) {
      return {
        name,
        problem: `is ${Math.ceil(size / mebibyte)} MiB long`,
        hint: `at most ${largest / mebibyte} MiB are read: move it out of the folder if it is not a site`,
      }
    }
    bytes = readStart(name, size)
  } catch (error) {
    return { name, problem: `cannot be read: ${describeCause(error)}`, hint: null }
  }
  try {
    return { name, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return { name, problem: 'is not UTF-8', hint: 'save it as UTF-8' }
  }
}

/** Reads at most `most` bytes: a file can grow after its size was read. */
function readStart(name: string, most: number): Uint8Array {
  const file = openSync(name, 'r')
  try {
    const buffer = Buffer.alloc(most)
    let length = 0
    while (length < most) {
      const read = readSync(file, buffer, length, most - length, length)
      if (read === 0) break
      length += read
    }
    return buffer.subarray(0, length)
  } finally {
    closeSync(file)
  }
}

const reasons: Record<string, string> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'it is not a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'its symbolic links form a loop',
  ENAMETOOLONG: 'the name is too long',
}

function describeCause(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return (code === undefined ? undefined : reasons[code]) ?? code ?? 'unknown reason'
}
