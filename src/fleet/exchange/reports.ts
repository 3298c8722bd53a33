import type { NodeReport } from '../permit/floor.ts'
import type { Beats } from './beats.ts'
import { beatPrefix, entryPrefix, idOf, nodeOfKey, serviceOfEntry } from './keys.ts'
import { readEntry } from './values.ts'

/** What the nodes of a service say, by one read of all entries and beats. `entryKeys` are by the id of the node. */
export function readReports(
  values: ReadonlyMap<string, string>,
  service: string,
  beats: Beats,
  nowMs: number,
): { reports: NodeReport[]; entryKeys: Map<string, string> } {
  // First: a beat that the store has lost since makes its node not current.
  for (const [key, text] of values) if (key.startsWith(beatPrefix)) beats.see(key, text, nowMs)
  const entryKeys = new Map<string, string>()
  const reports: NodeReport[] = []
  for (const [key, entry] of values) {
    const node = nodeOfKey(key)
    if (!key.startsWith(entryPrefix) || node === null || serviceOfEntry(key) !== service) continue
    const id = idOf(node)
    entryKeys.set(id, key)
    const well = readEntry(entry)?.well === true
    reports.push({ site: node.site, node: id, entry, well, fresh: beats.saysWell(id, service, nowMs) })
  }
  return { reports, entryKeys }
}
