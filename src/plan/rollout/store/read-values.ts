import { TransportError } from '../../../change/transport.ts'
import type { Selection, Store } from '../../../fleet/store.ts'

/** Throws TransportError. */
export async function readValues(
  store: Store,
  selection: readonly Selection[],
  withinMs: number,
): Promise<ReadonlyMap<string, string>> {
  const read = await store.read(selection, withinMs)
  if (read.outcome === 'read') return read.values
  throw new TransportError(`the store: ${read.message}`)
}
