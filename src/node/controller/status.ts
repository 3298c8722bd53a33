import type { NodeStatus } from '../../control/status.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { visible } from '../../text/wording.ts'
import type { CalendarView, EffectiveIntent } from '../decision/intent.ts'
import type { GuardState } from '../guard/client.ts'
import type { SavedNetwork } from '../routing/daemon.ts'
import type { FleetPlace } from './parts.ts'
import type { Reconciler } from './reconciler.ts'
import type { ServiceUnit } from './services/service-unit.ts'

const longestProblem = 500

/** The keys are documented in the schema, in control. */
export function buildStatus(input: {
  manifest: Manifest
  bundle: string | null
  serial: number | null
  units: readonly ServiceUnit[]
  reconciler: Reconciler
  intent: EffectiveIntent
  calendar: CalendarView
  guard: GuardState | null
  fleet: FleetPlace | null
  rescue: NodeStatus['rescue']
  isFenced: (port: number) => boolean | null
  heldAddresses: readonly string[]
  savedAnnouncements: readonly SavedNetwork[]
  access: NodeStatus['access']
  bfdOf: (neighbor: string) => NodeStatus['neighbors'][number]['bfd']
  daemonVersion: string | null
  now: number
  wall: number
}): NodeStatus {
  const { manifest, reconciler, intent, calendar, fleet, now, wall } = input
  const observed = reconciler.observation?.neighbors ?? []
  return {
    version: 1,
    node: manifest.node,
    site: manifest.site,
    bundle: input.bundle,
    serial: input.serial,
    services: input.units.map(({ state, drain, waitingFor, permit }) => {
      const { service, health, decision } = state
      const snapshot = state.snapshot(now)
      return {
        name: service.name,
        health: health.status,
        decision: decision.decision,
        reason: decision.reason,
        detail: decision.detail,
        since: isoTime(state.decidedAt),
        announced: observed.flatMap(({ neighbor, announced }) =>
          [...announced]
            .filter(([prefix]) => service.prefixes.includes(prefix))
            .map(([prefix, grade]) => ({ neighbor, prefix, degraded: grade === 'degraded' })),
        ),
        checks: state.checks(),
        probe: state.lastProbe,
        loss: snapshot.lossShare,
        holdDown: { flaps: snapshot.flaps, leftMs: rounded(snapshot.holdDownLeftMs) },
        late: snapshot.late,
        drain: {
          stage: drain.stage,
          sinceMs: drain.stage === 'none' ? null : Math.round(now - drain.since),
          waitingFor,
          ending: drain.ending,
        },
        permit:
          permit === null || fleet === null
            ? null
            : { standing: permit.standing.standing, held: fleet.holds(service.name) },
        fenced: input.isFenced(service.wireguard.port),
        remote: fleet?.remoteOf(service.name) ?? null,
      }
    }),
    neighbors: manifest.neighbors.map(({ name, address, interface: link }) => ({
      name,
      address: [address ?? [], link ?? []].flat().join('%'),
      session: observed.find((neighbor) => neighbor.neighbor === name)?.session ?? 'unknown',
      bfd: input.bfdOf(name),
    })),
    operator: {
      intent: intent.intent,
      source: intent.source,
      reason: intent.reason,
      by: intent.by,
      until: intent.until === null ? null : isoTime(intent.until),
    },
    maintenance: {
      active: calendar.active === null ? null : isoWindow(calendar.active),
      next: calendar.next === null ? null : isoWindow(calendar.next),
    },
    guard: input.guard,
    rescue: input.rescue,
    store: fleet === null ? null : describeContact(fleet.contact()),
    access: input.access,
    heldAddresses: input.heldAddresses,
    daemon: {
      kind: manifest.daemon,
      version: input.daemonVersion,
      verified: reconciler.verified,
      observedAgoMs: reconciler.observedAt === null ? null : Math.round(now - reconciler.observedAt),
      trouble: reconciler.failure,
      savedAnnouncements: input.savedAnnouncements,
    },
    time: isoTime(wall),
  }
}

function describeContact({ ok, sinceMs, problem }: ReturnType<FleetPlace['contact']>) {
  return { ok, since: isoTime(sinceMs), problem: problem === null ? null : visible(problem, longestProblem) }
}

function isoWindow({ start, until, reason }: { start: number; until: number; reason: string }) {
  return { start: isoTime(start), until: isoTime(until), reason }
}

function rounded(milliseconds: number | null): number | null {
  return milliseconds === null ? null : Math.round(milliseconds)
}

function isoTime(wall: number): string {
  return new Date(wall).toISOString()
}
