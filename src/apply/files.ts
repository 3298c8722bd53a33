import { chmod, chown, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { execa } from 'execa'

/** A file as it should be, or was; `content` is null for one that should not be there. */
export interface InstalledFile {
  readonly path: string
  readonly content: string | null
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** The daemon's user on this machine, or ours where it has none. */
export async function findOwner(user: 'bird' | 'frr'): Promise<Owner> {
  const { stdout } = await execa('getent', ['passwd', user], { reject: false, stdin: 'ignore' })
  const [, , uid, gid] = (stdout ?? '').split(':')
  if (!uid || !gid) return { uid: process.getuid!(), gid: process.getgid!() }
  return { uid: Number(uid), gid: Number(gid) }
}

export async function readInstalled(path: string): Promise<InstalledFile> {
  try {
    const [content, { mode, uid, gid }] = await Promise.all([readFile(path, 'utf8'), stat(path)])
    return { path, content, mode: mode & 0o7777, uid, gid }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return { path, content: null, mode: 0, uid: 0, gid: 0 }
  }
}

/** Each file whole or not at all, and on disk when it resolves. One that is so already is left alone. */
export async function installFiles(files: readonly InstalledFile[]): Promise<void> {
  for (const file of files) {
    const present = await readInstalled(file.path)
    if (JSON.stringify(present) === JSON.stringify(file)) continue
    if (file.content === null) {
      if (present.content !== null) {
        await rm(file.path)
        await syncFolder(dirname(file.path))
      }
    } else await installFile(file, file.content)
  }
}

async function installFile(file: InstalledFile, content: string): Promise<void> {
  await mkdir(dirname(file.path), { recursive: true })
  // A link stays a link.
  const path = await realpath(file.path).catch(() => file.path)
  const temporary = join(dirname(path), `.${basename(path)}.anyward`)
  try {
    // Nobody else may read it before it has its owner: it may hold passwords.
    await rm(temporary, { force: true })
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await chown(temporary, file.uid, file.gid)
    await chmod(temporary, file.mode)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
