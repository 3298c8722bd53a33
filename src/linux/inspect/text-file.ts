import { constants, open, stat } from 'node:fs/promises'

const mostBytes = 16 * 2 ** 20

/** A file of the system; `null`: there is none. Throws a system error, or an Error where it is no regular file. */
export async function readSystemFile(path: string): Promise<string | null> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
      throw error
    },
  )
  if (handle === null) return null
  try {
    const entry = await handle.stat()
    if (!entry.isFile()) throw new Error(`${path} is not a regular file`)
    if (entry.size > mostBytes) throw new Error(`${path} is larger than 16 MB`)
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

/** `srw-rw----` as `0660`, with the ids of owner and group; `null`: there is none, or it is not visible. */
export async function readAccess(path: string): Promise<{ mode: string; uid: number; gid: number } | null> {
  const entry = await stat(path).catch(() => null)
  if (entry === null) return null
  return { mode: (entry.mode & 0o777).toString(8).padStart(4, '0'), uid: entry.uid, gid: entry.gid }
}
