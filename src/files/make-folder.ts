import { mkdirSync, statSync } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Creates a folder with its parents. Node's own `recursive` hangs where no folder can be created, as in /proc. */
export async function makeFolder(dir: string, mode = 0o777): Promise<void> {
  const failure = await mkdir(dir, mode).then(
    () => null,
    (error: NodeJS.ErrnoException) => error,
  )
  if (failure === null) return
  if (failure.code === 'EEXIST' && (await stat(dir)).isDirectory()) return
  if (failure.code !== 'ENOENT' || dirname(dir) === dir) throw failure
  await makeFolder(dirname(dir), mode)
  // Two bundles of one site make its folder at the same time.
  await mkdir(dir, mode).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}

/** The same without a wait, for thousands of folders. */
export function makeFolderSync(dir: string): void {
  try {
    mkdirSync(dir)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && statSync(dir).isDirectory()) return
    if (code !== 'ENOENT' || dirname(dir) === dir) throw error
    makeFolderSync(dirname(dir))
    mkdirSync(dir)
  }
}
