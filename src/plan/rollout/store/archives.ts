import { TransportError } from '../../../change/transport.ts'
import { type Archive, type ArchiveRef, chunksOf } from '../../../fleet/rollout/archive.ts'
import { archiveKey, archivePrefix, bundleFolder, targetPrefix } from '../../../fleet/rollout/keys.ts'
import { readArchiveEntry, readTarget } from '../../../fleet/rollout/messages.ts'
import type { KeyValue, Store } from '../../../fleet/store.ts'
import { readValues } from './read-values.ts'

/** Puts a bundle into the store, unless it is there. Throws TransportError. */
export async function writeArchive(store: Store, archive: Archive, withinMs: number): Promise<void> {
  // First, so that the parts are found again even if this process is killed.
  await write(store, archiveEntry(archive.ref), withinMs)
  for (const chunk of chunksOf(archive, bundleFolder(archive.ref.hash))) await write(store, chunk, withinMs)
}

/** What says that a bundle is in the store. */
export function archiveEntry({ hash, chunks }: ArchiveRef): { key: string; value: string } {
  return { key: archiveKey(hash), value: JSON.stringify({ chunks }) }
}

async function write(store: Store, entry: KeyValue, withinMs: number): Promise<void> {
  const values = await readValues(store, [{ key: entry.key }], withinMs)
  if (values.get(entry.key) === entry.value) return
  const outcome = await store.transact({ compares: [], writes: [entry] }, withinMs)
  if ('message' in outcome) throw new TransportError(`the store: ${outcome.message}`)
}

/** Removes the bundles that no target names. Throws TransportError. */
export async function removeArchives(store: Store, withinMs: number): Promise<void> {
  const values = [
    ...(await readValues(store, [{ prefix: archivePrefix }, { prefix: targetPrefix }], withinMs)),
  ]
  const targets = values
    .filter(([key]) => key.startsWith(targetPrefix))
    .map(([key, value]) => ({ key, value }))
  const needed = new Set(targets.map(({ value }) => readTarget(value)?.archive.hash))
  for (const [key, text] of values) {
    const hash = key.slice(archivePrefix.length)
    if (!key.startsWith(archivePrefix) || needed.has(hash)) continue
    const chunks = readArchiveEntry(text)?.chunks ?? 0
    const keys = [...Array.from({ length: chunks }, (_, index) => `${bundleFolder(hash)}${index}`), key]
    const writes = keys.map((one) => ({ key: one, value: null }))
    // A rollout may have come to need it meanwhile.
    const outcome = await store.transact({ compares: [...targets, { key, value: text }], writes }, withinMs)
    if ('message' in outcome) throw new TransportError(`the store: ${outcome.message}`)
  }
}
