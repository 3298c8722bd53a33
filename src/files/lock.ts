import { spawn } from 'node:child_process'
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export type LockOutcome =
  /** Idempotent. The lock also ends with this process, however it ends. */
  | { readonly outcome: 'locked'; readonly release: () => void }
  /** `pid`: the holder, if the file names a running process. */
  | { readonly outcome: 'busy'; readonly pid: number | null }

/** The state of the lock is unknown. The message names the file and the cure. */
export class LockError extends Error {
  override readonly name = 'LockError'
}

/** Milliseconds. */
const timing = {
  /** How long flock(1) may exceed its own time limit. */
  grace: 5000,
  /** Between the creation of a file by root and the change of its owner. */
  ownership: 20,
} as const
const mostReplacements = 10

/**
 * Takes an exclusive flock(2) on a file that only its owner and root can open: a user who cannot open the file
 * cannot lock it. Waits up to `waitMs` for another holder. Node has no flock, so flock(1) locks the open file
 * that it inherits; the lock belongs to that open file and stays ours after flock(1) ends. Node opens files with
 * O_CLOEXEC, so no other child inherits it. The file stays on the disk. Throws LockError.
 */
export async function acquireLock(path: string, { waitMs = 0 } = {}): Promise<LockOutcome> {
  for (let attempt = 0; attempt < mostReplacements; attempt++) {
    const descriptor = await openLockFile(path)
    let keep = false
    try {
      if (!(await lockOpenFile(path, descriptor, waitMs)))
        return { outcome: 'busy', pid: readHolder(descriptor) }
      // A lock on a file that was removed or replaced meanwhile has no effect.
      if (!isSameFile(path, fstatSync(descriptor))) continue
      writeHolder(descriptor)
      keep = true
      return { outcome: 'locked', release: closeOnce(descriptor) }
    } finally {
      if (!keep) closeSync(descriptor)
    }
  }
  throw new LockError(`the lock file ${path} is replaced again and again: find the program that removes it`)
}

async function openLockFile(path: string): Promise<number> {
  // The folder's owner may have created a link or a pipe there.
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK
  for (let attempt = 1; ; attempt++) {
    try {
      const created = createLockFile(path, flags)
      const descriptor = created ?? openSync(path, flags)
      const complaint = created === null ? findComplaint(path, fstatSync(descriptor)) : null
      if (complaint === null) return descriptor
      closeSync(descriptor)
      throw new LockError(`the lock file ${path} ${complaint}: remove it`)
    } catch (error) {
      if (error instanceof LockError) throw error
      const { code } = error as NodeJS.ErrnoException
      // Root may be about to change its owner to this user.
      if (code === 'EACCES' && attempt === 1) await delay(timing.ownership)
      // It was removed meanwhile.
      else if (code !== 'ENOENT' || attempt > mostReplacements || !isFolder(dirname(path))) {
        throw new LockError(`the lock file ${path} cannot be opened (${code}): ${cureOf(code)}`, {
          cause: error,
        })
      }
    }
  }
}

/** Creates the lock file; `null`: it exists. It belongs to the owner of its folder, also if root creates it. */
function createLockFile(path: string, flags: number): number | null {
  let descriptor: number
  try {
    descriptor = openSync(path, flags | constants.O_CREAT | constants.O_EXCL, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return null
    throw error
  }
  const folder = statSync(dirname(path))
  try {
    if (fstatSync(descriptor).uid !== folder.uid) fchownSync(descriptor, folder.uid, folder.gid)
  } catch {
    // Now only this user and root can open it.
  }
  return descriptor
}

/** Why the file is unsafe: another user may have it open, and so may lock it. */
function findComplaint(path: string, file: Stats): string | null {
  if (!file.isFile()) return 'is not a regular file'
  if ((file.mode & 0o077) !== 0) return 'may be opened by other users'
  const owners = [0, process.geteuid!(), statSync(dirname(path)).uid]
  return owners.includes(file.uid) ? null : `belongs to another user (uid ${file.uid})`
}

/** `false`: another process holds the lock. */
function lockOpenFile(path: string, descriptor: number, waitMs: number): Promise<boolean> {
  const how = waitMs === 0 ? ['--nonblock'] : ['--timeout', String(waitMs / 1000)]
  const timeoutMs = waitMs + timing.grace
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['--exclusive', ...how, '3'], {
      stdio: ['ignore', 'ignore', 'ignore', descriptor],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    child.on('error', (cause: NodeJS.ErrnoException) => {
      const cure = cause.code === 'ENOENT' ? 'install util-linux' : `flock cannot be started (${cause.code})`
      reject(new LockError(`${path} cannot be locked: ${cure}`, { cause }))
    })
    child.on('exit', (code, signal) => {
      if (code === 0) resolve(true)
      else if (code === 1) resolve(false)
      else {
        const end = signal === null ? `exit status ${code}` : `no answer in ${timeoutMs} ms`
        reject(new LockError(`${path} cannot be locked: flock failed (${end})`))
      }
    })
  })
}

function isSameFile(path: string, open: Stats): boolean {
  try {
    const { dev, ino } = statSync(path)
    return dev === open.dev && ino === open.ino
  } catch {
    return false
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function writeHolder(descriptor: number): void {
  try {
    ftruncateSync(descriptor)
    writeSync(descriptor, `${process.pid}\n`, 0)
  } catch {
    // A full disk stores no number; the lock is valid without it.
  }
}

function readHolder(descriptor: number): number | null {
  const buffer = Buffer.alloc(16)
  const text = buffer.toString('latin1', 0, readSync(descriptor, buffer, 0, buffer.length, 0))
  if (!/^[1-9]\d*\n$/.test(text)) return null
  const pid = Number(text)
  try {
    process.kill(pid, 0)
  } catch (error) {
    // The number of an earlier holder.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return null
  }
  return pid
}

function closeOnce(descriptor: number): () => void {
  let open = true
  return () => {
    if (open) closeSync(descriptor)
    open = false
  }
}

function cureOf(code: string | undefined): string {
  if (code === 'EACCES' || code === 'EPERM') return 'run this as root, or as the owner of the folder'
  if (code === 'ELOOP') return 'it is a link: remove it'
  return 'check that its folder exists and is writable'
}
