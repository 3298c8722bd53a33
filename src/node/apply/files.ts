import { rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { LoadedBundle } from '../../bundle/read.ts'
import { signatureName, statementName } from '../../bundle/statement.ts'
import { syncFolder, writeFileAtomically } from '../../files/atomic-file.ts'
import { makeFolder } from '../../files/make-folder.ts'
import { openRegularFile, resolveTrustedLink } from '../../files/open-regular-file.ts'
import { isSystemError } from '../../files/system-error.ts'
import { afterTimeout } from '../../linux/load.ts'
import { RunError, run } from '../../linux/run.ts'
import { type DaemonKind, daemonNames } from '../../manifest/daemon-kinds.ts'
import { plannerKeysName } from '../../manifest/planner-keys.ts'
import { OperationError } from '../../text/operation-error.ts'

/** The desired or earlier state of a file; `content` is null for a file that does not exist. */
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

/** What a bundle is on the node. Of its signature and keys nothing stays that the new one lacks. */
export function filesToInstall(
  { files, statement, signature }: LoadedBundle,
  bundleDir: string,
): InstalledFile[] {
  const signed = { [plannerKeysName]: null, [statementName]: statement, [signatureName]: signature }
  const owner = { uid: process.getuid!(), gid: process.getgid!() }
  return Object.entries({ ...signed, ...Object.fromEntries(files) }).map(([name, content]) => {
    const path = join(bundleDir, name)
    return content === null
      ? { path, content, mode: 0, uid: 0, gid: 0 }
      : { path, content, mode: 0o644, ...owner }
  })
}

/** A name service on the network, LDAP for example, may hang; and a busy machine needs seconds for the start of a program. */
const ownerTimeoutMs = 20_000

/** The daemon's user on this machine, or this process's user if there is none. Throws OperationError. */
export async function findOwner(kind: DaemonKind, timeoutMs = ownerTimeoutMs): Promise<Owner> {
  const { user } = daemonNames[kind]
  const entry = await run(['getent', 'passwd', user], { timeoutMs }).catch((cause: unknown) => {
    if (cause instanceof RunError && cause.kind !== 'timeout') return ''
    throw new OperationError(`cannot look up the user ${user}: ${(cause as Error).message}`, {
      hint: `${afterTimeout('apply again')}, check the name service (passwd in /etc/nsswitch.conf)`,
      cause,
    })
  })
  const [, , uid, gid] = entry.split(':')
  if (!uid || !gid) return { uid: process.getuid!(), gid: process.getgid!() }
  return { uid: Number(uid), gid: Number(gid) }
}

/** Reads the present state of a file. Throws if it is not a regular file. */
export async function readInstalled(path: string): Promise<InstalledFile> {
  const file = await openRegularFile(path)
  if (file === null) return { path, content: null, mode: 0, uid: 0, gid: 0 }
  try {
    const [content, { mode, uid, gid }] = await Promise.all([
      file.handle.readFile('utf8'),
      file.handle.stat(),
    ])
    return { path, content, mode: mode & 0o7777, uid, gid }
  } finally {
    await file.handle.close()
  }
}

/** A larger configuration is none that a person or `anyward plan` wrote. */
const mostConfigBytes = 64 * 2 ** 20

/** Reads the daemon's configuration file, which a person may have replaced by anything. Throws OperationError. */
export async function readConfig(path: string): Promise<InstalledFile> {
  const refuse = (words: string, hint: string, cause?: unknown) =>
    new OperationError(`${path} ${words}`, {
      hint: `${hint}; nothing was changed`,
      outcome: 'refused',
      cause,
    })
  const size = await stat(path).then(
    (entry) => entry.size,
    () => 0,
  )
  if (size > mostConfigBytes) throw refuse('is larger than 64 MB', 'check what that file is')
  try {
    return await readInstalled(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw refuse('is a link to a file that does not exist', 'remove the link', error)
    if (code === 'EACCES') throw refuse('cannot be read by this user', 'run this as root', error)
    throw refuse(`cannot be read: ${message}`, 'make it a regular file, or a link of root to one', error)
  }
}

/** Writes each file atomically, and on disk when it resolves. An equal file is not touched. */
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
  try {
    await makeFolder(dirname(file.path))
    // A link stays a link.
    await replaceFile((await resolveTrustedLink(file.path)) ?? file.path, content, file)
  } catch (cause) {
    throw asWriteError(file.path, cause)
  }
}

/** A file cannot be written: the disk is full, for example. */
export class WriteError extends Error {
  override readonly name = 'WriteError'
  readonly code: string | null

  constructor(path: string, cause: NodeJS.ErrnoException) {
    super(`cannot write ${path}: ${cause.code ?? cause.message}`, { cause })
    this.code = cause.code ?? null
  }
}

/** An error of the operating system with the path that it concerns; any other as it is. */
export function asWriteError(path: string, cause: unknown): unknown {
  return isSystemError(cause) ? new WriteError(path, cause) : cause
}

/**
 * Replaces a file atomically, on disk when it resolves. Its folder may belong to another user.
 * @param isStale called right before the rename; `true` cancels it, and the result is `false`
 */
export function replaceFile(
  path: string,
  content: string | Buffer,
  { uid, gid, mode }: Owner & { readonly mode: number },
  isStale?: () => Promise<boolean>,
): Promise<boolean> {
  return writeFileAtomically(path, content, {
    mode,
    owner: { uid, gid },
    flushFolder: true,
    // The next run finds what a killed one left: it may hold passwords.
    temporaryName: `.${basename(path)}.anyward`,
    ...(isStale && { isStale }),
  })
}
