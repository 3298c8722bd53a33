import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { NodePlan } from '../planner/plan.ts'
import { type BundleFile, buildManifest, type Renderer } from '../render/render.ts'
import { hashOf, makeFolder, writeTemporary } from './atomic-file.ts'
import { manifestName } from './read.ts'

export { hashOf, makeFolder, writeFileAtomically } from './atomic-file.ts'
export { manifestName } from './read.ts'

/** Renders all files of a node's bundle, its manifest last. */
export function renderBundle(render: Renderer, node: NodePlan): readonly BundleFile[] {
  const files = render(node)
  const manifest = buildManifest(node, files, hashOf)
  return [...files, { path: manifestName, content: `${JSON.stringify(manifest, null, 2)}\n` }]
}

interface BundleToWrite {
  readonly dir: string
  readonly files: readonly BundleFile[]
  /** Names of an earlier bundle's files that are no part of this one. */
  readonly obsolete: readonly string[]
}

/**
 * Writes bundles, all of them or none: everything is on the disk beside its place before the first file is
 * put there. A file that is the same already is left alone.
 */
export async function writeBundles(bundles: readonly BundleToWrite[]): Promise<void> {
  const staged: StagedFile[] = []
  try {
    for (let start = 0; start < bundles.length; start += mostAtOnce) {
      const some = bundles.slice(start, start + mostAtOnce).map((bundle) => stageBundle(bundle, staged))
      const failed = (await Promise.allSettled(some)).find((result) => result.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    }
  } catch (error) {
    for (const { temporary } of staged) await rm(temporary, { force: true })
    throw error
  }
  for (const { temporary, path } of staged) await rename(temporary, path)
  for (const { dir, obsolete } of bundles) {
    for (const name of obsolete) await rm(join(dir, name), { force: true })
  }
}

/** Enough to keep a disk busy with flushing. */
const mostAtOnce = 16

interface StagedFile {
  readonly temporary: string
  readonly path: string
}

async function stageBundle({ dir, files }: BundleToWrite, staged: StagedFile[]): Promise<void> {
  await makeFolder(dir)
  for (const file of files) {
    const path = join(dir, file.path)
    if ((await readFile(path, 'utf8').catch(() => null)) === file.content) continue
    staged.push({ temporary: await writeTemporary(path, file.content, 0o644), path })
  }
}
