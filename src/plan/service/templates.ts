import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Templates } from '../render/render.ts'

/** The folder of the templates that come with this package: beside the sources, and beside a bundled program. */
function findTemplates(from: string): string {
  const dir = join(from, 'templates')
  if (existsSync(dir)) return dir
  if (dirname(from) === from)
    throw new Error('the folder templates of this installation is missing: install it again')
  return findTemplates(dirname(from))
}

export async function loadTemplates(): Promise<Templates> {
  const dir = findTemplates(dirname(fileURLToPath(import.meta.url)))
  const paths = (await readdir(dir, { recursive: true })).filter((path) => path.endsWith('.hbs')).sort()
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(dir, path), 'utf8')] as const)),
  )
}
