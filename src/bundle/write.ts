import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { NodePlan } from '../planner/plan.ts'
import { type BundleFile, buildManifest, type Renderer } from '../render/render.ts'

export const manifestName = 'manifest.json'

/** Renders all files of a node's bundle, its manifest last. */
export function renderBundle(render: Renderer, node: NodePlan): readonly BundleFile[] {
  const files = render(node)
  const hashes = Object.fromEntries(files.map((file) => [file.path, hashOf(file.content)]))
  const manifest = buildManifest(node, hashes)
  return [...files, { path: manifestName, content: `${JSON.stringify(manifest, null, 2)}\n` }]
}

/** Writes a bundle, each file whole or not at all; a file that is the same already is left alone. */
export async function writeBundle(dir: string, files: readonly BundleFile[]): Promise<void> {
  await mkdir(dir, { recursive: true })
  for (const file of files) {
    const path = join(dir, file.path)
    if ((await readFile(path, 'utf8').catch(() => null)) === file.content) continue
    await mkdir(dirname(path), { recursive: true })
    await writeFileAtomically(path, file.content)
  }
}

/** Replaces a file in one step, so that no reader and no crash ever sees half of it. */
export async function writeFileAtomically(path: string, content: string, mode = 0o644): Promise<void> {
  const temporary = join(dirname(path), `.${process.pid}.${hashOf(path).slice(0, 8)}.tmp`)
  try {
    const handle = await open(temporary, 'w', mode)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

export function hashOf(content: string): string {
  return createHash('sha256').update(content).digest('hex')
}
