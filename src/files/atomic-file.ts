import { closeSync, fchmodSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

interface AtomicWrite {
  /** Exact, whatever the umask; default: 0644 less the umask. */
  readonly mode?: number
  /** Default: this process's user. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  /** Whether the rename too is on the disk when it resolves. */
  readonly flushFolder?: boolean
  /** Of the temporary file, for a single writer that removes what a killed one left; default: one per process. */
  readonly temporaryName?: string
  /** Called right before the rename; `true` cancels it. */
  readonly isStale?: () => boolean | Promise<boolean>
}

/**
 * Replaces a file atomically: a reader or a crash sees the old file or the new one. Another user may own its folder,
 * and may replace entries at any time: a link at the temporary name is not followed, and owner and mode are set on the
 * open file, never by its path. A link at `path` itself is replaced. Returns `false` if it was stale.
 */
export async function writeFileAtomically(
  path: string,
  content: string | Buffer,
  { mode, owner, flushFolder = false, temporaryName, isStale }: AtomicWrite = {},
): Promise<boolean> {
  const temporary = temporaryFor(path, temporaryName)
  let replaced = false
  try {
    await rm(temporary, { force: true })
    const handle = await open(temporary, 'wx', firstMode(mode))
    try {
      await handle.writeFile(content)
      if (owner !== undefined) await handle.chown(owner.uid, owner.gid)
      if (mode !== undefined) await handle.chmod(mode)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (await isStale?.()) return false
    await rename(temporary, path)
    replaced = true
  } finally {
    if (!replaced) await rm(temporary, { force: true }).catch(() => {})
  }
  if (flushFolder) await syncFolder(dirname(path))
  return true
}

/**
 * The first half of the same, without a wait: for a file in memory, and for thousands of files that are flushed
 * together. Returns the name of the temporary file, which the caller renames.
 */
export function writeTemporarySync(
  path: string,
  content: string,
  { mode, flush = false }: Pick<AtomicWrite, 'mode'> & { readonly flush?: boolean } = {},
): string {
  const temporary = temporaryFor(path)
  const file = createSync(temporary, firstMode(mode))
  try {
    writeFileSync(file, content)
    if (mode !== undefined) fchmodSync(file, mode)
    if (flush) fsyncSync(file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  return temporary
}

/** A new file only. Almost always there is none yet. */
function createSync(path: string, mode: number): number {
  try {
    return openSync(path, 'wx', mode)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    rmSync(path, { force: true })
    return openSync(path, 'wx', mode)
  }
}

/** The leading dot hides it from the globs of an include. */
function temporaryFor(path: string, name = `.${process.pid}.${basename(path)}.tmp`): string {
  return join(dirname(path), name)
}

/** No other user may read a file before it has its owner and mode: it may hold passwords. */
function firstMode(mode: number | undefined): number {
  return mode === undefined ? 0o644 : 0o600
}

/** Resolves when the folder's entries are on the disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
