import { systemClock } from '../../clock/clock.ts'
import type { NodeStatus } from '../../control/status.ts'
import type { RosterLink, ServiceState } from '../../fleet/roster/link.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Say } from '../../telemetry/say.ts'
import type { Fence } from '../rescue/fence/fence.ts'
import { Pace } from '../rescue/limiter.ts'
import type { Roster } from '../rescue/roster.ts'
import { stateOf } from '../rescue/service-states.ts'
import { strayServiceOf } from '../rescue/stray/ruleset.ts'
import { openStrayWatch } from '../rescue/stray/stray-watch.ts'
import type { RescueDevice } from '../rescue/sweep/device.ts'
import { OtherNodes } from '../rescue/sweep/other-nodes.ts'
import { Rescuer } from '../rescue/sweep/rescuer.ts'
import type { Observation } from '../routing/daemon.ts'
import { createRescueReporter } from './report-rescues.ts'

/** The initiations of a node, which costs each peer's answer too: 2,000 peers within a second. */
const pace = { perSecond: 3000, burst: 512 }

interface Surroundings {
  readonly roster: Roster
  readonly link: RosterLink
  /** By service. */
  readonly devices: ReadonlyMap<string, RescueDevice>
  /** Has the others learn soon of peers that are new here. */
  readonly hurry: () => void
  readonly fence: Fence
  readonly say: Say
  readonly metrics: Metrics
}

type StrayStatus = NonNullable<NonNullable<NodeStatus['rescue']>['strays']>

export interface SessionRescue {
  /** What the neighbors have now: it is said to the other nodes, and decides whether this one takes peers over. */
  observed(observation: Observation): void
  /** Rescues under way. */
  readonly size: number
  strays(): StrayStatus
  close(): Promise<void>
}

export function withStrays(
  rescue: NodeStatus['rescue'],
  sessions: SessionRescue | null,
): NodeStatus['rescue'] {
  return rescue === null || sessions === null ? rescue : { ...rescue, strays: sessions.strays() }
}

/** Takes over the peers of nodes that withdraw a service, and those whose packets arrive here. */
export function rescueSessions(
  manifest: Manifest,
  { roster, link, devices, hurry, fence, say, metrics }: Surroundings,
): SessionRescue {
  const states = new Map<string, ServiceState>()
  const services = manifest.services.map(({ name }) => name)
  const reporter = createRescueReporter(services, systemClock, say, metrics)
  const rescuer = new Rescuer({
    self: manifest.node,
    clock: systemClock,
    roster,
    devices,
    pace: new Pace(pace, systemClock.now()),
    announcing: (service) => [
      ...others.announcing(service),
      ...(states.get(service) === 'announcing' ? [manifest.node] : []),
    ],
    serves: (service) => (states.get(service) ?? 'withdrawn') !== 'withdrawn',
    observer: {
      ended(rescue) {
        if (rescue.outcome === 'handshake') hurry()
        reporter.ended(rescue)
      },
      failed: (service, problem) => reporter.failed(service, problem),
    },
  })
  const others = new OtherNodes({
    clock: systemClock,
    onGone: (node, service, trigger) => rescuer.takeOver(node, service, trigger),
  })
  const endEvents = link.onEvent((event) => others.take(event))

  const watch = openStrayWatch({
    services: manifest.services.map(strayServiceOf),
    onStray(service, endpoint, isAnswer) {
      metrics.strayPackets.inc({ service })
      const isLearning = systemClock.now() < watch.learningUntilMs
      rescuer.takePacket(service, endpoint, isAnswer ? 'answer' : isLearning ? 'learning' : 'session')
    },
    onError: ({ code, message }) => {
      const facts = { event: 'stray-packets', cause: code }
      say('error', facts, `packets of sessions at other sites are not seen: ${message}`)
    },
    onRecovery: () =>
      say('info', { event: 'stray-packets' }, 'packets of sessions at other sites are seen again'),
  })
  roster.observe({
    added: (service, endpoint) => watch.setRoster(service, [endpoint], []),
    removed: (service, endpoint) => watch.setRoster(service, [], [endpoint]),
  })

  const change = async (service: string, state: ServiceState) => {
    if (state === 'withdrawn') {
      rescuer.abandon(service)
      // Before others begin handshakes, this node must not begin any.
      await fence.settled()
    }
    if (states.get(service) === state) link.say(service, state)
  }
  return {
    observed(observation) {
      for (const { name, prefixes } of manifest.services) {
        const state = stateOf(observation, prefixes)
        const before = states.get(name)
        if (before === state) continue
        states.set(name, state)
        if (state !== 'withdrawn') rescuer.resume(name)
        void change(name, state)
      }
    },
    get size() {
      return rescuer.size
    },
    strays: () => ({
      ok: watch.isWatching,
      problem: watch.failure,
      endpoints: watch.counters.endpoints,
      packets: watch.counters.strays,
    }),
    async close() {
      endEvents()
      others.close()
      rescuer.close()
      reporter.close()
      await watch.close()
    },
  }
}
