import { constants } from 'node:fs'
import { type FileHandle, lstat, open, realpath } from 'node:fs/promises'

/** Flags to read a file in another user's folder: no link is followed, and a pipe does not block. */
export const readCarefully = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

export interface RegularFile {
  /** The path of the file; the target if a link was followed. */
  readonly path: string
  readonly handle: FileHandle
}

/**
 * Opens a regular file for reading, in a folder that may belong to another user: follows only links of root and
 * of this user, and does not block on a pipe. `null` if there is no file. Throws a system error, or an Error that
 * names the file and its type.
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

/** Its text, as `openRegularFile` opens it; `null`: there is none. Throws, as it does, for one of more bytes too. */
export async function readRegularFile(path: string, mostBytes: number): Promise<string | null> {
  const file = await openRegularFile(path)
  if (file === null) return null
  try {
    const { size } = await file.handle.stat()
    if (size > mostBytes) throw new Error(`${path} has ${size} bytes: at most ${mostBytes} are read`)
    return await file.handle.readFile('utf8')
  } finally {
    await file.handle.close()
  }
}

/**
 * The path of a file, or the target of a link of root or of this user. `null` if neither exists. Throws for
 * another user's link.
 */
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
