import { execFile } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'

/** Creates a folder with its parents. Node's own `recursive` hangs where no folder can be created, as in /proc. */
export function makeFolderSync(dir: string): void {
  try {
    mkdirSync(dir)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && statSync(dir).isDirectory()) return
    if (code !== 'ENOENT' || dirname(dir) === dir) throw error
    makeFolderSync(dirname(dir))
    mkdirSync(dir)
  }
}

/** Writes a file beside its place, not flushed. Returns its name. */
export function writeTemporarySync(path: string, content: string, mode: number): string {
  const temporary = join(dirname(path), `.${process.pid}.${basename(path)}.tmp`)
  // A new file only: root must not follow another user's link.
  let file: number
  try {
    file = openSync(temporary, 'wx', mode)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    rmSync(temporary)
    file = openSync(temporary, 'wx', mode)
  }
  try {
    writeFileSync(file, content)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  return temporary
}

/** Above this number, one flush of the file system takes less time than one flush for each file. */
const mostSingleFlushes = 100

/** Resolves when the files are on the disk. */
export async function flushFiles(paths: readonly string[]): Promise<void> {
  if (paths.length > mostSingleFlushes && (await flushFileSystems(paths))) return
  for (const path of paths) {
    const file = await open(path)
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  }
}

/** syncfs(2), by the program of coreutils: Node has no call for it. `false`: it was not possible. */
async function flushFileSystems(paths: readonly string[]): Promise<boolean> {
  const onePerDevice = new Map(paths.map((path) => [statSync(path).dev, path]))
  try {
    await promisify(execFile)('sync', ['--file-system', '--', ...onePerDevice.values()])
    return true
  } catch {
    return false
  }
}
