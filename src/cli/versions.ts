import { hashOf } from '../files/atomic-file.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { programVersion } from './program-version.ts'

/** Two bundles with the same serial tell a controller the same. */
export function bundleSerialOf(manifest: Manifest): string {
  return hashOf(JSON.stringify(manifest)).slice(0, 12)
}

/** A guard of another version, or with another bundle, is replaced. */
export function guardSerialOf(manifest: Manifest): string {
  return `${programVersion}-${bundleSerialOf(manifest)}`
}
