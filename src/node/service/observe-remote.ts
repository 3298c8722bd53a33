import { join } from 'node:path'
import { systemClock } from '../../clock/clock.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { createRemoteTarget } from '../probe/remote/create-target.ts'
import { RemoteProbes } from '../probe/remote/remote-probes.ts'
import { keepTimestamps, readServiceKeys } from './create-probes.ts'

/** Probes the endpoints of other sites, with the key of the local probe. Throws OperationError if it cannot be read. */
export async function observeRemote(
  { services, paths }: Manifest,
  { targets, intervalMs }: NonNullable<Manifest['remote']>,
): Promise<RemoteProbes> {
  const timestamps = await keepTimestamps(join(paths.runtimeDir, 'remote.tai64n'))
  const created = []
  for (const service of services) {
    const keys = await readServiceKeys(service)
    for (const target of targets.filter((one) => one.service === service.name)) {
      created.push(createRemoteTarget(target, service.wireguard, { ...keys, timestamps }, intervalMs))
    }
  }
  return new RemoteProbes({ targets: created, intervalMs, clock: systemClock, random: Math.random })
}
