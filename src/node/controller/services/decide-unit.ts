import type { Manifest } from '../../../manifest/manifest.ts'
import type { Announcements } from '../../../net/announcements.ts'
import type { DecisionContext } from '../../decision/decide.ts'
import type { Intent } from '../../decision/intent.ts'
import type { OtherAnnouncers } from '../../decision/other-announcers.ts'
import type { Observation } from '../../routing/daemon.ts'
import type { TrafficSource } from '../parts.ts'
import type { ServiceUnit } from './service-unit.ts'

/** What the decisions read beside the service itself: the same for all services that are decided together. */
interface DecisionView {
  readonly manifest: Manifest
  readonly units: readonly ServiceUnit[]
  readonly intent: Intent
  readonly stopping: boolean
  readonly traffic: TrafficSource
  /** The last one; `null` before the first. */
  readonly observation: Observation | null
  /** The present desired set; `null` if it is not known yet. */
  readonly desired: Announcements | null
}

/** Decides again. Returns whether the decision, its reason or the stage of its drain changed. */
export function decideUnit(unit: ServiceUnit, view: DecisionView, now: number, wall: number): boolean {
  const hasMoved = stepDrain(unit, view, now)
  const context: DecisionContext = {
    intent: view.intent,
    forced: false,
    drainStage: unit.drain.stage,
    stopping: view.stopping,
    degradable: view.manifest.degradable,
    otherAnnouncers: findOtherAnnouncers(unit, view),
    permit: null,
  }
  const hasChanged = unit.state.decide(context, wall)
  return hasChanged || hasMoved
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
