import { readFileSync } from 'node:fs'
import { type ManifestService, requireManifest } from '../src/manifest/manifest.ts'

const golden = new URL('golden/example/out/fra1/fra1-a/manifest.json', import.meta.url)

/** A service as the manifest's reader returns it, with its defaults. */
export function readService(raw: unknown): ManifestService {
  const manifest = JSON.parse(readFileSync(golden, 'utf8')) as object
  return requireManifest({ ...manifest, services: [raw] }).services[0]!
}
