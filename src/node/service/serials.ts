import { hashOf } from '../../files/hash.ts'
import type { Manifest } from '../../manifest/manifest.ts'

/** Identifies what a bundle says to a controller. */
export function bundleSerialOf(manifest: Manifest): string {
  return hashOf(JSON.stringify(manifest)).slice(0, 12)
}

/** A guard of another version, or with another bundle, is replaced. */
export function guardSerialOf(manifest: Manifest, programVersion: string): string {
  return `${programVersion}-${bundleSerialOf(manifest)}`
}
