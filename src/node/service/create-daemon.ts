import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { RoutingDaemon } from '../routing/daemon.ts'

interface DaemonOptions {
  /** Limits each reply. */
  readonly deadlineMs?: number
}

type Create = (options: DaemonOptions & { readonly manifest: Manifest }) => Promise<RoutingDaemon>

const adapters: Readonly<Record<DaemonKind, Create>> = {
  bird: async (options) => (await import('../routing/bird/bird.ts')).createBird(options),
  frr: async (options) => (await import('../routing/frr/frr.ts')).createFrr(options),
}

/** The adapter for the daemon that a manifest names; no other is loaded. */
export function createDaemon(manifest: Manifest, options: DaemonOptions = {}): Promise<RoutingDaemon> {
  return adapters[manifest.daemon]({ manifest, ...options })
}
