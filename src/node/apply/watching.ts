import type { Manifest } from '../../manifest/manifest.ts'

/** The prefixes of the installed bundle's services that the new bundle does not have. */
export function removedPrefixes(manifest: Manifest, installed: Manifest | null): string[] {
  const own = new Set([...manifest.services.flatMap(({ prefixes }) => prefixes), ...manifest.alwaysAnnounce])
  const had = new Set((installed?.services ?? []).flatMap(({ prefixes }) => prefixes))
  return [...had].filter((prefix) => !own.has(prefix))
}

/** The manifest for observation: it includes the prefixes that the installed bundle had and the new one has not. */
export function watching(manifest: Manifest, installed: Manifest | null): Manifest {
  const removed = removedPrefixes(manifest, installed)
  const [service] = installed?.services ?? []
  if (removed.length === 0 || service === undefined) return manifest
  return { ...manifest, services: [...manifest.services, { ...service, prefixes: removed }] }
}
