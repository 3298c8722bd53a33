import { lstat, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../../../files/make-folder.ts'
import { isSystemError } from '../../../files/system-error.ts'
import { OperationError } from '../../../text/operation-error.ts'

/** Refuses if the folder has one of these files. */
export async function refuseExisting(dir: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = join(dir, name)
    const exists = await lstat(path).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
    )
    if (exists) throw alreadyThere(path)
  }
}

/** Writes new files, all or none; their paths. */
export async function writeSites(dir: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  await refuseExisting(dir, [...files.keys()])
  const written: string[] = []
  try {
    await makeFolder(dir)
    for (const [name, text] of files) {
      const path = join(dir, name)
      await writeFile(path, text, { flag: 'wx' })
      written.push(path)
    }
    return written
  } catch (cause) {
    for (const path of written) await rm(path, { force: true })
    if (!isSystemError(cause)) throw cause
    if (cause.code === 'EEXIST') throw alreadyThere(cause.path ?? dir)
    throw new OperationError(`${cause.path ?? dir} cannot be written (${cause.code})`, {
      hint: 'name a folder that you may write, with --sites DIR',
      cause,
    })
  }
}

function alreadyThere(path: string): OperationError {
  return new OperationError(`${path} exists already, and is not overwritten`, {
    hint: 'name another folder with --sites DIR, or add a file for each further site beside it: docs/sites.md, “A second site”',
    outcome: 'refused',
  })
}
