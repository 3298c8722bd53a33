import type { Manifest } from '../../../manifest/manifest.ts'
import type { RoutingCounts } from '../daemon.ts'
import { BirdClient } from './client.ts'
import { parseProtocols } from './protocols.ts'
import { checkReply } from './reply.ts'
import { findProtocol, readProtocols } from './sessions.ts'

const command = 'show protocols all'

export function createBirdCounts({
  manifest,
  deadlineMs = 1000,
}: {
  readonly manifest: Manifest
  readonly deadlineMs?: number
}): RoutingCounts {
  const client = new BirdClient({ socketPath: manifest.paths.daemonSocket, deadlineMs })
  return {
    async look() {
      const reply = checkReply(command, await client.send(command))
      const sessions = readProtocols(reply)
      const protocols = parseProtocols(reply.lines)
      const byName = new Map(protocols.map((protocol) => [protocol.name, protocol]))
      const caches = protocols.filter(({ type }) => type === 'RPKI')
      return {
        neighbors: new Map(
          manifest.neighbors.flatMap((neighbor) => {
            const protocol = byName.get(findProtocol(neighbor, sessions) ?? '')
            if (protocol?.state !== 'up') return []
            return [[neighbor.name, { received: protocol.imported, sent: protocol.exported }]]
          }),
        ),
        cacheUp: caches.length === 0 ? null : caches.some(({ state }) => state === 'up'),
      }
    },
    close() {
      client.close()
    },
  }
}
