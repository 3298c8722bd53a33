import { rm } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { acquireLock } from '../../files/lock.ts'
import { daemonNames } from '../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { parseAddress } from '../../net/prefix.ts'
import type { Log } from '../../telemetry/log.ts'
import { OperationError } from '../../text/operation-error.ts'
import { DaemonError, type DaemonIdentity, type RoutingDaemon } from '../routing/daemon.ts'
import { controlSocketOf } from './control-socket.ts'

/** Refuses a bundle if this machine has none of its sessions' local addresses. Throws OperationError. */
export function requireOwnNode(manifest: Manifest): void {
  const wanted = manifest.neighbors.flatMap(({ localAddress }) =>
    localAddress === null ? [] : [localAddress],
  )
  if (wanted.length === 0) return
  const present = new Set(
    Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .flatMap(({ address }) => {
        const parsed = parseAddress(address.split('%')[0]!)
        return parsed.ok ? [parsed.value.toString()] : []
      }),
  )
  if (wanted.some((address) => present.has(address))) return
  throw new OperationError(
    `this is the bundle of ${manifest.node}, and this machine has none of its addresses (${wanted.join(', ')})`,
    { hint: 'use the bundle of this node; nothing was changed', outcome: 'refused' },
  )
}

/**
 * Checks that the running daemon is the one that the bundle is for. `null` if it does not run yet: the controller
 * waits for it. Throws OperationError.
 */
export async function requireOwnDaemon(
  manifest: Manifest,
  daemon: RoutingDaemon,
  log: Log,
): Promise<DaemonIdentity | null> {
  const socket = manifest.paths.daemonSocket
  try {
    const identity = await daemon.identify()
    if (identity.routerId === manifest.routerId) return identity
    throw new OperationError(
      `this is the bundle of ${manifest.node} (router id ${manifest.routerId}), but the daemon at ${socket} has router id ${identity.routerId}`,
      {
        hint: "use this node's bundle, or load this bundle's configuration into the daemon",
        outcome: 'refused',
      },
    )
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error
    if (error.code === 'permission') {
      const group = daemonNames[manifest.daemon].socketGroup
      throw new OperationError(`no permission to open the daemon's socket ${socket}`, {
        hint: `run the controller as root, or as a member of the group ${group}`,
        cause: error,
      })
    }
    log.error(
      { event: 'trouble', cause: error.code },
      `the routing daemon does not answer yet: ${error.message}`,
    )
    return null
  }
}

/** One controller per node. Returns the function that releases the lock. Throws OperationError and LockError. */
export async function lockNode(manifest: Manifest): Promise<() => void> {
  const lock = await acquireLock(join(manifest.paths.runtimeDir, 'controller.lock'))
  if (lock.outcome === 'busy') {
    const process = lock.pid === null ? '' : ` (process ${lock.pid})`
    throw new OperationError(`another controller is already running for ${manifest.node}${process}`, {
      hint: 'see its state with `anyward status`, or stop it first',
      outcome: 'refused',
    })
  }
  // A controller that was killed leaves its socket.
  await rm(controlSocketOf(manifest), { force: true })
  return lock.release
}
