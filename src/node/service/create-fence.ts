import { systemClock } from '../../clock/clock.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Say } from '../../telemetry/say.ts'
import { Fence } from '../rescue/fence/fence.ts'

/** The fence of the node's services, reported when it changes. */
export function createFence(manifest: Manifest, say: Say, metrics: Metrics): Fence {
  return new Fence({
    clock: systemClock,
    onChange: (ports) => {
      for (const { name, wireguard } of manifest.services)
        metrics.fenced.set({ service: name }, ports.has(wireguard.port) ? 1 : 0)
    },
    onProblem: (problem) => {
      if (problem === null) say('info', { event: 'fence' }, 'the fence can be set again')
      else {
        const message = `the fence cannot be set: while a service is not announced, its WireGuard may take clients from other sites (${problem})`
        say('error', { event: 'fence', cause: problem }, message)
      }
    },
  })
}
