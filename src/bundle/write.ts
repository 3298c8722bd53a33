import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { hashOf } from '../files/atomic-file.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { buildManifest } from '../planner/build-manifest.ts'
import type { NodePlan } from '../planner/plan.ts'
import type { BundleFile, Renderer } from '../render/render.ts'
import { manifestName } from './read.ts'
import { flushFiles, makeFolderSync, writeTemporarySync } from './stage.ts'

export { manifestName } from './read.ts'

/** Renders all files of a node's bundle, its manifest last. */
export function renderBundle(render: Renderer, node: NodePlan): readonly BundleFile[] {
  return renderWithManifest(render, node).files
}

export function renderWithManifest(
  render: Renderer,
  node: NodePlan,
): { readonly files: readonly BundleFile[]; readonly manifest: Manifest } {
  const files = render(node)
  const manifest = buildManifest(node, files, hashOf)
  const content = `${JSON.stringify(manifest, null, 2)}\n`
  return { files: [...files, { path: manifestName, content }], manifest }
}

interface BundleToWrite {
  readonly dir: string
  /** Those that differ from what is in the folder. */
  readonly files: readonly BundleFile[]
  /** Names of an earlier bundle's files that are no part of this one. */
  readonly obsolete: readonly string[]
}

/**
 * Writes bundles, all of them or none: every file is on the disk, under a temporary name, before the first one is
 * renamed into its place.
 */
export async function writeBundles(bundles: readonly BundleToWrite[]): Promise<void> {
  const staged: StagedFile[] = []
  try {
    for (const bundle of bundles) stageBundle(bundle, staged)
    await flushFiles(staged.map(({ temporary }) => temporary))
  } catch (error) {
    for (const { temporary } of staged) rmSync(temporary, { force: true })
    throw error
  }
  for (const { temporary, path } of staged) renameSync(temporary, path)
  for (const { dir, obsolete } of bundles) {
    for (const name of obsolete) rmSync(join(dir, name), { force: true })
  }
}

interface StagedFile {
  readonly temporary: string
  readonly path: string
}

function stageBundle({ dir, files }: BundleToWrite, staged: StagedFile[]): void {
  makeFolderSync(dir)
  for (const file of files) {
    const path = join(dir, file.path)
    staged.push({ temporary: writeTemporarySync(path, file.content, 0o644), path })
  }
}
