import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { BfdSessions, RoutingCounts, RoutingDaemon } from '../routing/daemon.ts'

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

const bfdAdapters: Readonly<
  Record<DaemonKind, (options: DaemonOptions & { readonly manifest: Manifest }) => Promise<BfdSessions>>
> = {
  bird: async (options) => (await import('../routing/bird/bfd.ts')).createBirdBfd(options),
  frr: async (options) => (await import('../routing/frr/bfd.ts')).createFrrBfd(options),
}

/** `null`: no neighbor of this manifest has BFD. */
export async function createBfd(
  manifest: Manifest,
  options: DaemonOptions = {},
): Promise<BfdSessions | null> {
  if (!manifest.neighbors.some(({ session }) => session?.bfd)) return null
  return bfdAdapters[manifest.daemon]({ manifest, ...options })
}

const counters: Readonly<Record<DaemonKind, (manifest: Manifest) => Promise<RoutingCounts>>> = {
  bird: async (manifest) => (await import('../routing/bird/counts.ts')).createBirdCounts({ manifest }),
  frr: async (manifest) => (await import('../routing/frr/counts.ts')).createFrrCounts({ manifest }),
}

export function createCounts(manifest: Manifest): Promise<RoutingCounts> {
  return counters[manifest.daemon](manifest)
}
