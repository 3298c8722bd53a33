import { rm } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { acquireLock } from '../../files/lock.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { parseAddress } from '../../net/prefix.ts'
import { DaemonError, type DaemonIdentity, type RoutingDaemon } from '../../node/routing/daemon.ts'
import type { Log } from '../../telemetry/log.ts'
import { CommandError, exitCode } from '../failure.ts'
import { controlSocketOf } from '../operator/control-client.ts'

/** Refuses a bundle whose sessions speak from addresses of which this machine has none. */
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
  throw new CommandError(
    `this is the bundle of ${manifest.node}, and this machine has none of its addresses (${wanted.join(', ')})`,
    { hint: 'take the bundle of this node; nothing was changed', exitCode: exitCode.findings },
  )
}

/**
 * Asks the running daemon whether it is the one that the bundle is for. A daemon that does not run yet is
 * waited for by the controller later, and null.
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
    throw new CommandError(
      `this is the bundle of ${manifest.node} (router id ${manifest.routerId}), but the daemon at ${socket} has router id ${identity.routerId}`,
      {
        hint: "take this node's bundle, or load this bundle's configuration into the daemon",
        exitCode: exitCode.findings,
      },
    )
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error
    if (error.code === 'permission') {
      const group = manifest.daemon === 'bird' ? 'bird' : 'frrvty'
      throw new CommandError(`the daemon's socket ${socket} may not be opened by this user`, {
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

/** One controller a node. Returns what gives the lock back. Throws CommandError and LockError. */
export async function lockNode(manifest: Manifest): Promise<() => void> {
  const lock = await acquireLock(join(manifest.paths.runtimeDir, 'controller.lock'))
  if (lock.outcome === 'busy') {
    const process = lock.pid === null ? '' : ` (process ${lock.pid})`
    throw new CommandError(`another controller runs for ${manifest.node} already${process}`, {
      hint: 'ask it: anyward status; or stop it first',
      exitCode: exitCode.findings,
    })
  }
  // The last controller's socket, if it could not tidy up.
  await rm(controlSocketOf(manifest), { force: true })
  return lock.release
}
