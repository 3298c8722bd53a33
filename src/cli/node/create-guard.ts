import { resolve } from 'node:path'
import type { Manifest } from '../../manifest/manifest.ts'
import { askGuard } from '../../node/guard/ask.ts'
import { createGuardClient, type GuardClient } from '../../node/guard/client.ts'
import { guardSocketOf } from '../../node/guard/protocol.ts'
import { spawnGuard } from '../../node/guard/spawn.ts'
import type { Log } from '../../telemetry/log.ts'
import { guardSerialOf } from '../versions.ts'

/** The controller's side of the dead man's guard; `null` where no service of the node has one. */
export function createGuard(manifest: Manifest, bundle: string, log: Log): GuardClient | null {
  const program = [process.execPath, resolve(process.argv[1]!)]
  const client = createGuardClient({
    manifest,
    serial: guardSerialOf(manifest),
    spawn: () => spawnGuard(manifest, program, resolve(bundle)),
    log,
  })
  if (client === null) void releaseLeftGuard(guardSocketOf(manifest))
  return client
}

/** A bundle before this one may have had a guard: nobody vouches any more for what it would withdraw. */
async function releaseLeftGuard(path: string): Promise<void> {
  const asked = await askGuard(path, { type: 'ask' })
  asked?.socket.destroy()
  if (asked === null) return
  const released = await askGuard(path, { type: 'release', services: Object.keys(asked.reply.leases) })
  released?.socket.destroy()
}
