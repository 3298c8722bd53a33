import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../../../files/atomic-file.ts'
import { asWriteError, type InstalledFile } from '../files.ts'
import type { Loss } from './loss.ts'

/**
 * Keeps what an apply replaces: the configuration file, and where FRR runs what no file has, its running configuration.
 * Returns the paths. Throws WriteError.
 */
export async function keepCopies(
  { foreign }: Loss,
  old: InstalledFile,
  running: string | null,
  nowMs: number,
): Promise<string[]> {
  const copies: string[] = []
  const { path, content } = old
  if (content !== null) copies.push(await keepCopy({ ...old, content }, nowMs))
  if (running !== null && foreign.some(({ place }) => place === null)) {
    const ours = { mode: 0o600, uid: process.getuid!(), gid: process.getgid!() }
    copies.push(await keepCopy({ ...ours, path: `${path}.running`, content: running }, nowMs))
  }
  return copies
}

/**
 * Writes a copy of a file beside it, with the date in its name and the file's owner and mode, and returns its path. No
 * `*.conf` matches it, so that no include reads it. Throws WriteError.
 */
async function keepCopy(file: InstalledFile & { readonly content: string }, nowMs: number): Promise<string> {
  const date = new Date(nowMs)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '-')
  for (let attempt = 1; ; attempt += 1) {
    const path = `${file.path}.${date}${attempt === 1 ? '' : `-${attempt}`}`
    try {
      // Readable by this user only until it has its owner: it may hold passwords.
      const handle = await open(path, 'wx', 0o600)
      try {
        await handle.writeFile(file.content)
        await handle.chown(file.uid, file.gid)
        await handle.chmod(file.mode)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await syncFolder(dirname(path))
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt === 100)
        throw asWriteError(path, error)
    }
  }
}
