import type { DrainStage } from '../decision/drain.ts'
import type { GuardState } from '../guard/client.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { SavedNetwork } from '../routing/daemon.ts'
import type { CalendarView } from './calendar.ts'
import type { EffectiveIntent } from './intent.ts'
import type { Reconciler } from './reconciler.ts'
import type { ServiceUnit } from './service-unit.ts'

export type NodeStatus = ReturnType<typeof buildStatus>

/** What `anyward status --json` and /status show. Times are ISO 8601; `announced` is what was observed. */
export function buildStatus(input: {
  manifest: Manifest
  units: readonly ServiceUnit[]
  reconciler: Reconciler
  intent: EffectiveIntent
  calendar: CalendarView
  guard: GuardState | null
  heldAddresses: readonly string[]
  savedAnnouncements: readonly SavedNetwork[]
  daemonVersion: string | null
  now: number
  wall: number
}) {
  const { manifest, reconciler, intent, calendar, now, wall } = input
  const observed = reconciler.observation?.neighbors ?? []
  return {
    node: manifest.node,
    site: manifest.site,
    services: input.units.map(({ state, drain, waitingFor }) => {
      const { service, health, decision } = state
      const snapshot = state.snapshot(now)
      return {
        name: service.name,
        health: health.status,
        decision: decision.decision,
        reason: decision.reason,
        detail: decision.detail,
        since: isoTime(state.decidedAt),
        announced: observed.flatMap(({ neighbor, announced, degraded }) =>
          announced
            .filter((prefix) => service.prefixes.includes(prefix))
            .map((prefix) => ({ neighbor, prefix, degraded: degraded.includes(prefix) })),
        ),
        checks: state.checks(),
        probe: state.lastProbe,
        /** Share of the last probes, 0 to 1. */
        loss: snapshot.lossShare,
        holdDown: { flaps: snapshot.flaps, leftMs: rounded(snapshot.holdDownLeftMs) },
        /** Probes that said nothing, because this machine was late. */
        late: snapshot.late,
        drain: {
          stage: drain.stage satisfies DrainStage,
          sinceMs: drain.stage === 'none' ? null : Math.round(now - drain.since),
          waitingFor,
          ending: drain.ending,
        },
      }
    }),
    neighbors: manifest.neighbors.map(({ name, address }) => ({
      name,
      address,
      session: observed.find((neighbor) => neighbor.neighbor === name)?.session ?? 'unknown',
    })),
    /** What counts now, whoever said it: the operator, or the calendar. */
    operator: {
      intent: intent.intent,
      source: intent.source,
      reason: intent.reason,
      until: intent.until === null ? null : isoTime(intent.until),
    },
    maintenance: {
      active: calendar.active === null ? null : isoWindow(calendar.active),
      next: calendar.next === null ? null : isoWindow(calendar.next),
    },
    /** Who withdraws if this controller dies; `null`: nobody, for `deadMan` says keep. */
    guard: input.guard,
    /** Addresses that we took off the node, for the daemon does not withdraw what is dead. */
    heldAddresses: input.heldAddresses,
    daemon: {
      kind: manifest.daemon,
      version: input.daemonVersion,
      /** Whether the neighbors were told just what was decided, when they were last looked at. */
      verified: reconciler.verified,
      observedAgoMs: reconciler.observedAt === null ? null : Math.round(now - reconciler.observedAt),
      trouble: reconciler.trouble,
      /** FRR: lines of its files that it announces at its next start, also without a controller. */
      savedAnnouncements: input.savedAnnouncements,
    },
    time: isoTime(wall),
  }
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
