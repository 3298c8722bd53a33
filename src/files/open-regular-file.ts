import { constants } from 'node:fs'
import { type FileHandle, lstat, open, realpath } from 'node:fs/promises'

/** Flags to read a file in another user's folder: no link is followed, and a pipe does not block. */
export const readCarefully = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

export interface RegularFile {
  /** Where it is: behind the link, where one was followed. */
  readonly path: string
  readonly handle: FileHandle
}

/**
 * Opens a regular file to read it, in a folder that may belong to another user: only links of root and of this user
 * are followed, and a pipe does not block. `null` where there is no file. Throws a system error, or an Error that
 * names the file and what it is instead.
 */
export async function openRegularFile(file: string): Promise<RegularFile | null> {
  const path = await resolveTrustedLink(file)
  if (path === null) return null
  const handle = await open(path, readCarefully).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (handle === null) return null
  if ((await handle.stat()).isFile()) return { path, handle }
  await handle.close()
  throw new Error(`${file} is not a regular file: remove it`)
}

/** Where a file is, behind a link of root or of this user. `null` where there is neither. Throws for another's link. */
export async function resolveTrustedLink(file: string): Promise<string | null> {
  const entry = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (entry === null) return null
  if (!entry.isSymbolicLink()) return file
  if (entry.uid !== 0 && entry.uid !== process.geteuid!()) {
    throw new Error(`${file} is a link of another user (uid ${entry.uid}): remove it`)
  }
  return realpath(file)
}
