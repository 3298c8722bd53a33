import type { Manifest } from '../../../manifest/manifest.ts'
import type { Announcements } from '../../../net/announcements.ts'
import type { DecisionContext } from '../../decision/decide.ts'
import type { Intent } from '../../decision/intent.ts'
import type { OtherAnnouncers } from '../../decision/other-announcers.ts'
import { describeReach, type RemoteCount, reduceReach } from '../../decision/reach.ts'
import type { Observation } from '../../routing/daemon.ts'
import type { TrafficSource } from '../parts.ts'
import type { ServiceUnit } from './service-unit.ts'

/** What the decisions read beside the service itself: the same for all services that are decided together. */
interface DecisionView {
  readonly manifest: Manifest
  readonly units: readonly ServiceUnit[]
  readonly intent: Intent
  /** The order needs no permit. */
  readonly forced: boolean
  readonly stopping: boolean
  readonly traffic: TrafficSource
  /** How other sites see the endpoint of a service; `null`: that degrades nothing. */
  readonly remoteOf: ((service: string) => RemoteCount | null) | null
  /** The last one; `null` before the first. */
  readonly observation: Observation | null
  /** The neighbors have the desired routes. */
  readonly verified: boolean
  /** The present desired set; `null` if it is not known yet. */
  readonly desired: Announcements | null
}

/** Decides again. Returns whether the decision, its reason or the stage of its drain changed. */
export function decideUnit(unit: ServiceUnit, view: DecisionView, now: number, wall: number): boolean {
  const hasMoved = stepDrain(unit, view, now)
  const remote = view.remoteOf?.(unit.service.name) ?? null
  unit.reach = reduceReach(unit.reach, remote, now, unit.service.probe.holdDown)
  const context: DecisionContext = {
    intent: view.intent,
    forced: view.forced,
    drainStage: unit.drain.stage,
    stopping: view.stopping,
    degradable: view.manifest.degradable,
    otherAnnouncers: findOtherAnnouncers(unit, view),
    permit: unit.permit?.standing ?? null,
    outOfReach: describeReach(unit.reach, remote),
  }
  const hasChanged = unit.state.decide(context, wall)
  unit.permit?.follow(unit.state.decision, isWell(unit, view))
  return hasChanged || hasMoved
}

/** Others may count on this node: its neighbors have the routes of a service that is healthy. */
function isWell({ state, service }: ServiceUnit, { observation, verified }: DecisionView): boolean {
  if (state.decision.decision !== 'announce' || state.health.status !== 'healthy' || !verified) return false
  const announced = observation?.neighbors.flatMap((neighbor) => [...neighbor.announced]) ?? []
  const own = announced.filter(([prefix]) => service.prefixes.includes(prefix))
  return own.length > 0 && own.every(([, grade]) => grade === 'normal')
}

/** iBGP is the only source so far. */
function findOtherAnnouncers(
  unit: ServiceUnit,
  { observation, units }: DecisionView,
): OtherAnnouncers | null {
  const count = observation === null ? null : unit.countOtherAnnouncers(observation, units)
  return count === null ? null : { source: 'ibgp', count }
}

function stepDrain(
  unit: ServiceUnit,
  { manifest, intent, traffic, observation, desired }: DecisionView,
  now: number,
): boolean {
  // The usual case, several times a second for each service, must be cheap.
  if (intent === 'serve' && unit.drain.stage === 'none') return false
  const { wireguard, drain } = unit.service
  return unit.stepDrain(
    {
      intent,
      settings: drain,
      degradable: manifest.degradable,
      announced: observation === null ? null : unit.isOriginated(observation),
      degraded:
        observation === null
          ? { neighbors: 0, verified: false }
          : unit.findDegraded(observation, desired ?? new Map(), manifest.neighbors),
      traffic: traffic.view(wireguard.interface, drain.idleMs),
    },
    now,
  )
}
