import { resolve } from 'node:path'
import { systemClock } from '../../clock/clock.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Log } from '../../telemetry/log.ts'
import { askGuard } from '../guard/ask.ts'
import { createGuardClient, type GuardClient } from '../guard/client.ts'
import { guardSocketOf } from '../guard/protocol.ts'
import { spawnGuard } from '../guard/spawn.ts'
import { guardSerialOf } from './serials.ts'

/** This program, as the guard's process is started from it. */
export interface ThisProgram {
  readonly argv: readonly string[]
  readonly version: string
}

/** The controller's side of the guard; `null` if no service of the node has a dead man's switch. */
export function createGuard(
  manifest: Manifest,
  bundle: string,
  program: ThisProgram,
  log: Log,
): GuardClient | null {
  const client = createGuardClient({
    manifest,
    serial: guardSerialOf(manifest, program.version),
    spawn: () => spawnGuard(manifest, program.argv, resolve(bundle)),
    log,
    clock: systemClock,
  })
  if (client === null) void releaseLeftGuard(guardSocketOf(manifest))
  return client
}

/** An earlier bundle may have left a guard. Without a controller that renews its deadlines it would withdraw. */
async function releaseLeftGuard(path: string): Promise<void> {
  const asked = await askGuard(path, { type: 'ask' })
  asked?.socket.destroy()
  if (asked === null) return
  const released = await askGuard(path, { type: 'release', services: Object.keys(asked.reply.leases) })
  released?.socket.destroy()
}
