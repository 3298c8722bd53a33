import type { NodeStatus } from '../../control/status.ts'
import { describeRemote, isCutOff } from '../../fleet/exchange/remote-view.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Say } from '../../telemetry/say.ts'
import type { Sighting } from '../probe/remote/remote-probes.ts'

/** Logs when most other sites begin or cease to reach an endpoint of this node, and sets what it sees of theirs. */
export function createRemoteReporter(say: Say, metrics: Metrics) {
  const cutOff = new Set<string>()
  return ({ services }: NodeStatus, sightings: readonly Sighting[]): void => {
    metrics.remoteUnreachable.reset()
    for (const { name: service, health, remote } of services) {
      const isNow = isCutOff({ health, remote })
      if (remote !== null) metrics.remoteUnreachable.set({ service }, isNow ? 1 : 0)
      if (isNow === cutOff.has(service)) continue
      if (isNow) cutOff.add(service)
      else cutOff.delete(service)
      const facts = { event: 'remote', service, ...remote }
      if (isNow) say('warn', facts, `${service}: ${describeRemote(remote!)}, although its own probe is good`)
      else say('info', facts, `${service}: most sites that probe it do not find it out of reach any more`)
    }
    metrics.remoteReached.reset()
    for (const { service, site, node, reached } of sightings)
      metrics.remoteReached.set({ service, site, node }, reached ? 1 : 0)
  }
}
