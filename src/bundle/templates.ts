import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Templates } from '../render/render.ts'

/** The templates that come with this package; the same folder from sources and from a build. */
const templatesDir = fileURLToPath(new URL('../../templates/', import.meta.url))

export async function loadTemplates(): Promise<Templates> {
  const paths = (await readdir(templatesDir, { recursive: true }))
    .filter((path) => path.endsWith('.hbs'))
    .sort()
  return new Map(
    await Promise.all(
      paths.map(async (path) => [path, await readFile(templatesDir + path, 'utf8')] as const),
    ),
  )
}
