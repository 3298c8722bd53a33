import type { Manifest } from '../planner/manifest.ts'
import { createBird } from '../routing/bird/bird.ts'
import type { RoutingDaemon } from '../routing/daemon.ts'
import { createFrr } from '../routing/frr/frr.ts'

/** The adapter for the daemon that a manifest names. */
export function createDaemon(manifest: Manifest): RoutingDaemon {
  return manifest.daemon === 'bird' ? createBird({ manifest }) : createFrr({ manifest })
}
