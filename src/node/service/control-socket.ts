import { join } from 'node:path'
import type { Manifest } from '../../manifest/manifest.ts'

/** The Unix socket on which a node's controller takes orders. */
export function controlSocketOf(manifest: Manifest): string {
  return join(manifest.paths.runtimeDir, 'controller.sock')
}
