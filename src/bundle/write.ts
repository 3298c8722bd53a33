import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeTemporarySync } from '../files/atomic-file.ts'
import { makeFolderSync } from '../files/make-folder.ts'
import type { BundleFile } from '../manifest/bundle-file.ts'
import { flushFiles } from './flush-files.ts'

export interface BundleToWrite {
  readonly dir: string
  /** Files that differ from those in the folder. */
  readonly files: readonly BundleFile[]
  /** Names of files of an earlier bundle that this one lacks. */
  readonly obsolete: readonly string[]
}

/**
 * Writes bundles, all of them or none: every file is on the disk, under a temporary name, before the first one is
 * renamed into its place. `produce` passes on one bundle at a time, so that the texts of a large fleet are not all in
 * memory; if it fails, nothing is written.
 */
export async function writeBundles<T>(
  produce: (stage: (bundle: BundleToWrite) => void) => Promise<T>,
): Promise<T> {
  const staged: StagedFile[] = []
  const obsolete: string[] = []
  let result: T
  try {
    result = await produce((bundle) => {
      stageFiles(bundle, staged)
      obsolete.push(...bundle.obsolete.map((name) => join(bundle.dir, name)))
    })
    await flushFiles(staged.map(({ temporary }) => temporary))
  } catch (error) {
    for (const { temporary } of staged) rmSync(temporary, { force: true })
    throw error
  }
  for (const { temporary, path } of staged) renameSync(temporary, path)
  for (const path of obsolete) rmSync(path, { force: true })
  return result
}

interface StagedFile {
  readonly temporary: string
  readonly path: string
}

function stageFiles({ dir, files }: BundleToWrite, staged: StagedFile[]): void {
  if (files.length > 0) makeFolderSync(dir)
  for (const file of files) {
    const path = join(dir, file.path)
    staged.push({ temporary: writeTemporarySync(path, file.content), path })
  }
}
