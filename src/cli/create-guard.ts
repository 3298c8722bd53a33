import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { hashOf } from '../bundle/atomic-file.ts'
import { createGuardClient, type GuardClient } from '../guard/client.ts'
import { spawnGuard } from '../guard/spawn.ts'
import type { Manifest } from '../planner/manifest.ts'
import type { Log } from '../telemetry/log.ts'

/** The controller's side of the dead man's guard; `null` where no service of the node has one. */
export function createGuard(manifest: Manifest, bundle: string, log: Log): GuardClient | null {
  const program = [process.execPath, resolve(process.argv[1]!)]
  return createGuardClient({
    manifest,
    serial: guardSerialOf(manifest),
    spawn: () => spawnGuard(manifest, program, resolve(bundle)),
    log,
  })
}

/** A guard of another version, or with another bundle, is replaced. */
export function guardSerialOf(manifest: Manifest): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return `${version}-${hashOf(JSON.stringify(manifest)).slice(0, 12)}`
}
