import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { hashOf } from '../files/hash.ts'
import { type Manifest, readManifestText } from '../manifest/manifest.ts'
import { manifestName } from './read.ts'

/**
 * Reads all files of a bundle, the manifest included, by name. `manifest` was read before: throws DamagedError if the
 * folder does not contain that bundle any more.
 */
export async function readBundleFiles(dir: string, manifest: Manifest): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const [path, hash] of Object.entries(manifest.files)) {
    const content = await readFile(join(dir, path), 'utf8')
    // Another process may be copying a newer bundle at this moment.
    if (hashOf(content) !== hash) throw new DamagedError(resolve(dir, path))
    files.set(path, content)
  }
  const text = await readFile(join(dir, manifestName), 'utf8')
  if (JSON.stringify(readManifestText(text)) !== JSON.stringify(manifest)) {
    throw new DamagedError(resolve(dir, manifestName))
  }
  files.set(manifestName, text)
  return files
}

export class DamagedError extends Error {
  override readonly name = 'DamagedError'

  constructor(file: string) {
    super(`${file} does not match the manifest: copy the bundle again`)
  }
}
