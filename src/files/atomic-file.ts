import { hash } from 'node:crypto'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Creates a folder with its parents. Node's own `recursive` hangs where no folder can be created, as in /proc. */
export async function makeFolder(dir: string): Promise<void> {
  const failure = await mkdir(dir).then(
    () => null,
    (error: NodeJS.ErrnoException) => error,
  )
  if (failure === null) return
  if (failure.code === 'EEXIST' && (await stat(dir)).isDirectory()) return
  if (failure.code !== 'ENOENT' || dirname(dir) === dir) throw failure
  await makeFolder(dirname(dir))
  // Two bundles of one site make its folder at the same time.
  await mkdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}

/** Replaces a file atomically: a reader or a crash sees the old file or the new one. */
export async function writeFileAtomically(path: string, content: string, mode = 0o644): Promise<void> {
  const temporary = await writeTemporary(path, content, mode)
  try {
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

export async function writeTemporary(path: string, content: string, mode: number): Promise<string> {
  const temporary = join(dirname(path), `.${process.pid}.${hashOf(path).slice(0, 8)}.tmp`)
  try {
    // A new file only: root writes into the controller's folders too, and must not follow a planted link.
    await rm(temporary, { force: true })
    const handle = await open(temporary, 'wx', mode)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  return temporary
}

export function hashOf(content: string): string {
  return hash('sha256', content)
}
