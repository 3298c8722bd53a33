import type { Manifest, ManifestNeighbor } from './manifest.ts'

export type NodeChange = 'new' | 'changed' | 'same'
export type Effect = 'none' | 'reload' | 'session-restart'

export interface AnnouncementChange {
  readonly node: string
  readonly neighbor: string
  readonly prefix: string
  readonly change: 'new' | 'removed' | 'same'
}

/** What a new bundle costs the node's sessions. `before` is null where there is none yet. */
export function compareEffect(before: Manifest | null, after: Manifest): Effect {
  if (before === null) return 'session-restart'
  if (JSON.stringify(before) === JSON.stringify(after)) return 'none'
  if (before.asn !== after.asn || before.routerId !== after.routerId) return 'session-restart'
  const beforeByName = new Map(before.neighbors.map((neighbor) => [neighbor.name, sessionKey(neighbor)]))
  const restarts = after.neighbors.some((neighbor) => {
    const key = beforeByName.get(neighbor.name)
    return key !== undefined && key !== sessionKey(neighbor)
  })
  const removed = before.neighbors.some(
    ({ name }) => !after.neighbors.some((neighbor) => neighbor.name === name),
  )
  return restarts || removed ? 'session-restart' : 'reload'
}

/** Every announcement of a node, before and after, in the order of the new bundle. */
export function compareAnnouncements(before: Manifest | null, after: Manifest): AnnouncementChange[] {
  const had = announcementsOf(before)
  const has = announcementsOf(after)
  const row = (key: string, change: AnnouncementChange['change']): AnnouncementChange => {
    const [neighbor = '', prefix = ''] = key.split(' ')
    return { node: after.node, neighbor, prefix, change }
  }
  return [
    ...[...has].map((key) => row(key, had.has(key) ? 'same' : 'new')),
    ...[...had].filter((key) => !has.has(key)).map((key) => row(key, 'removed')),
  ]
}

function announcementsOf(manifest: Manifest | null): Set<string> {
  return new Set(
    (manifest?.neighbors ?? []).flatMap(({ name, prefixes }) =>
      prefixes.map((prefix) => `${name} ${prefix}`),
    ),
  )
}

/** What a running session can't change without a restart. */
function sessionKey({ asn, address, localAddress, gtsm, passwordFile, kind }: ManifestNeighbor): string {
  return JSON.stringify([asn, address, localAddress, gtsm, passwordFile, kind === 'ibgp'])
}
