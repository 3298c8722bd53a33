import type { Manifest } from '../../manifest/manifest.ts'
import type { RoutingDaemon } from '../routing/daemon.ts'

/** The adapter for the daemon that a manifest names; the other is not loaded. `deadlineMs` limits each reply. */
export async function createDaemon(
  manifest: Manifest,
  options: { deadlineMs?: number } = {},
): Promise<RoutingDaemon> {
  if (manifest.daemon === 'bird') {
    const { createBird } = await import('../routing/bird/bird.ts')
    return createBird({ manifest, ...options })
  }
  const { createFrr } = await import('../routing/frr/frr.ts')
  return createFrr({ manifest, ...options })
}
