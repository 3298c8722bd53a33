import type { Manifest } from '../../../manifest/manifest.ts'
import type { RoutingCounts } from '../daemon.ts'
import { readPrefixCounts } from './answers.ts'
import { showBgp } from './commands.ts'
import { peerOf, vrfOf } from './peer.ts'
import { refusal, Vty } from './vty.ts'

/** RTR caches: see rpki.ts. */
export function createFrrCounts({
  manifest,
  deadlineMs = 1000,
}: {
  readonly manifest: Manifest
  readonly deadlineMs?: number
}): RoutingCounts {
  const vty = new Vty({ socketPath: manifest.paths.daemonSocket, deadlineMs })
  const neighbors = manifest.neighbors.map((neighbor) => ({
    name: neighbor.name,
    peer: peerOf(neighbor),
    vrf: vrfOf(neighbor),
  }))
  return {
    async look() {
      const found = new Map<string, { received: number; sent: number }>()
      for (const vrf of new Set(neighbors.map((neighbor) => neighbor.vrf))) {
        const command = showBgp(vrf, 'summary json')
        const reply = await vty.send(command)
        // Status 1 comes with an empty object if bgpd has no configuration yet.
        if (reply.status > 1) throw refusal(command, reply)
        const counts = readPrefixCounts(reply.text)
        for (const { name, peer, vrf: own } of neighbors) {
          const count = own === vrf ? counts.get(peer) : undefined
          if (count !== undefined) found.set(name, count)
        }
      }
      return { neighbors: found, cacheUp: null }
    },
    close() {
      vty.close()
    },
  }
}
