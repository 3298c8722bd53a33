import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { promisify } from 'node:util'

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
