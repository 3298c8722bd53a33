import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeTemporarySync } from '../files/atomic-file.ts'
import { makeFolderSync } from '../files/make-folder.ts'
import type { BundleFile } from '../manifest/bundle-file.ts'
import { flushFiles } from './flush-files.ts'

interface BundleToWrite {
  readonly dir: string
  /** Files that differ from those in the folder. */
  readonly files: readonly BundleFile[]
  /** Names of files of an earlier bundle that this one lacks. */
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
    staged.push({ temporary: writeTemporarySync(path, file.content), path })
  }
}
