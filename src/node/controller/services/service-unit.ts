import type { ManifestNeighbor, ManifestService } from '../../../manifest/manifest.ts'
import type { Announcements } from '../../../net/announcements.ts'
import {
  type DrainInput,
  type DrainState,
  describeDrain,
  initialDrain,
  reduceDrain,
  restoreDrain,
  saveDrain,
} from '../../decision/drain.ts'
import { countOtherAnnouncers } from '../../decision/other-announcers.ts'
import { withinReach } from '../../decision/reach.ts'
import { restoreHealth, saveHealth } from '../../health/record.ts'
import type { SideProbe } from '../../probe/side/side-check.ts'
import type { Observation } from '../../routing/daemon.ts'
import type { PermitKeeper } from './permit-keeper.ts'
import { type EndpointProbe, ServiceState } from './service-state.ts'

/** The probes of one service. */
export interface ServiceProbes {
  readonly endpoint: EndpointProbe
  readonly side: readonly SideProbe[]
}

/** The saved state of a service for the next controller. */
export interface SavedService {
  readonly health: unknown
  readonly drain: unknown
  /** Missing: of a controller that did not save them. */
  readonly silences?: unknown
}

const stuckAfterMs = 3000

/** One service with its probes and the stage of its drain. */
export class ServiceUnit {
  readonly state: ServiceState
  readonly probes: ServiceProbes
  drain: DrainState
  /** `null`: the fleet has no store. */
  permit: PermitKeeper | null = null
  reach = withinReach
  /** What the drain's stage waits for, for messages. */
  waitingFor: string | null = null
  /** When its probe loop last began a cycle. */
  cycleBeganAt: number
  cycleEndedAt: number
  cyclesRunning = 0

  /** @param saved the state of an earlier controller */
  constructor(
    service: ManifestService,
    probes: ServiceProbes,
    saved: { readonly of: SavedService; readonly at: number } | null,
    now: number,
    wall: number,
  ) {
    const health = saved === null ? null : restoreHealth(saved.of.health, now, wall, service.probe)
    this.state = new ServiceState(service, now, wall, health)
    this.probes = probes
    if (saved !== null) probes.endpoint.restoreSilences(saved.of.silences, wall - saved.at)
    this.drain = saved === null ? initialDrain(now) : restoreDrain(saved.of.drain, wall - saved.at, now)
    this.cycleBeganAt = now
    this.cycleEndedAt = now
  }

  get service(): ManifestService {
    return this.state.service
  }

  save(now: number, wall: number): SavedService {
    return {
      health: saveHealth(this.state.health, now, wall),
      drain: saveDrain(this.drain, now),
      silences: this.probes.endpoint.saveSilences(),
    }
  }

  /** A probe that never ends counts as bad: otherwise the last result would count for ever. */
  checkPulse(now: number, lateMs: number): void {
    const { intervalMs, timeoutMs } = this.service.probe
    const silentMs = now - this.cycleEndedAt - lateMs
    if (silentMs <= Math.max(stuckAfterMs, 3 * (intervalMs + timeoutMs))) return
    const detail = `no probe has ended for ${Math.round(silentMs / 1000)} s`
    this.state.takeProbe({ outcome: 'bad', check: 'handshake', cause: 'probe-stuck', detail }, now, now)
  }

  /** Whether it is draining or withdrawn. */
  get sendsPeersAway(): boolean {
    return this.drain.stage !== 'none' || this.state.decision.decision === 'withdraw'
  }

  /** Returns whether the stage changed. */
  stepDrain(input: DrainInput, now: number): boolean {
    const before = this.drain.stage
    this.drain = reduceDrain(this.drain, input, now)
    this.waitingFor = describeDrain(this.drain, input)
    return this.drain.stage !== before
  }

  /** Whether the daemon originates any of its prefixes. */
  isOriginated({ originated }: Observation): boolean {
    return this.service.prefixes.some((prefix) => originated.has(prefix))
  }

  /**
   * How many other nodes announce, undegraded, all prefixes that this node would no longer announce without this
   * service; `null`: no session can report it. A prefix that another of `units` keeps is not considered: a route
   * reflector advertises only the best path, and hides the others while this node's is best (RFC 4456, section 6).
   */
  countOtherAnnouncers({ otherAnnouncers }: Observation, units: readonly ServiceUnit[]): number | null {
    if (otherAnnouncers === null) return null
    const others = units.filter((unit) => unit !== this && unit.state.decision.decision !== 'withdraw')
    const leaving = this.service.prefixes.filter(
      (prefix) => !others.some(({ service }) => service.prefixes.includes(prefix)),
    )
    return countOtherAnnouncers(leaving, otherAnnouncers)
  }

  /** Counts the neighbors that have the routes degraded that should be. A session that is down has none. */
  findDegraded(
    observation: Observation,
    desired: Announcements,
    neighbors: readonly ManifestNeighbor[],
  ): { readonly neighbors: number; readonly verified: boolean } {
    // A prefix that another service announces undegraded is not waited for.
    const meant = this.service.prefixes.filter((prefix) => desired.get(prefix) === 'degraded')
    let count = 0
    let verified = true
    for (const { neighbor, session, announced } of observation.neighbors) {
      if (session !== 'up') continue
      const permitted = neighbors.find(({ name }) => name === neighbor)?.prefixes ?? []
      const due = meant.filter((prefix) => permitted.includes(prefix))
      if (due.length === 0) continue
      if (due.every((prefix) => announced.get(prefix) === 'degraded')) count += 1
      else verified = false
    }
    return { neighbors: count, verified }
  }
}
