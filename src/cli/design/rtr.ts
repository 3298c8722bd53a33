import { runRtr } from '../../plan/service/run-rtr.ts'
import type { RtrCache } from '../../plan/sites/fleet.ts'
import { requireFleet } from '../../plan/sites/load.ts'
import { exitCode } from '../failure.ts'
import { type VrpFileOptions, vrpSourceOf } from './vrp-options.ts'

interface RtrOptions extends VrpFileOptions {
  listen?: RtrCache
  state?: string
  maxAge?: number
  poll: number
  metrics?: string
}

const defaultListen: RtrCache = { host: '127.0.0.1', port: 3324 }

export async function rtr(options: RtrOptions, fleetIsNamed: boolean): Promise<void> {
  const fleet = options.vrps === undefined || fleetIsNamed ? await requireFleet(options.sites) : null
  const source = vrpSourceOf(options, fleet)
  await runRtr({
    source: { ...source, maxAgeMs: options.maxAge ?? source.maxAgeMs },
    listen: options.listen ?? fleet?.rpki?.lastGood ?? defaultListen,
    stateDir: options.state ?? null,
    pollMs: options.poll,
    metricsListen: options.metrics ?? null,
  })
  process.exit(exitCode.fine)
}
