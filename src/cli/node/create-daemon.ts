import type { Manifest } from '../../manifest/manifest.ts'
import { createBird } from '../../routing/bird/bird.ts'
import type { RoutingDaemon } from '../../routing/daemon.ts'
import { createFrr } from '../../routing/frr/frr.ts'

/** The adapter for the daemon that a manifest names. `deadlineMs` is for each of its replies. */
export function createDaemon(manifest: Manifest, options: { deadlineMs?: number } = {}): RoutingDaemon {
  return manifest.daemon === 'bird'
    ? createBird({ manifest, ...options })
    : createFrr({ manifest, ...options })
}
