import { comparePrefixes, type Prefix } from '../../net/prefix.ts'
import { type OwnAnnouncement, preflight } from '../rpki/preflight.ts'
import type { VrpSet } from '../rpki/vrp-set.ts'
import { type Fleet, hostRoutesByKind } from '../sites/fleet.ts'
import type { NodePlan, Notice } from './plan.ts'

/** Covering prefixes, and those of alwaysAnnounce, that leave the AS, each once for each origin, with the nodes that may announce it. */
export function announcementsOf(nodes: readonly NodePlan[], fleet: Fleet): OwnAnnouncement[] {
  const covering = new Set(fleet.services.flatMap((service) => service.covering.map(String)))
  const byText = new Map<string, { prefix: Prefix; origin: number; announcedBy: Set<string> }>()
  for (const { node, asn, sessions, alwaysAnnounce } of nodes) {
    const always = new Set(alwaysAnnounce.map(String))
    for (const { kind, exports, localAs } of sessions) {
      const origin = localAs ?? asn
      if (hostRoutesByKind[kind]) continue
      for (const prefix of exports) {
        if (!covering.has(prefix.toString()) && !(always.has(prefix.toString()) && !prefix.isHost)) continue
        const key = `${prefix} ${origin}`
        const known = byText.get(key) ?? { prefix, origin, announcedBy: new Set() }
        byText.set(key, known)
        known.announcedBy.add(node)
      }
    }
  }
  return [...byText.values()]
    .sort((a, b) => comparePrefixes(a.prefix, b.prefix) || a.origin - b.origin)
    .map(({ prefix, origin, announcedBy }) => ({ prefix, origin, nodes: [...announcedBy].sort() }))
}

/** Notices for own announcements that networks with origin validation would not accept as valid. */
export function noticesOfOwn(nodes: readonly NodePlan[], fleet: Fleet, vrps: VrpSet | null): Notice[] {
  if (vrps === null) return []
  const findings = preflight(announcementsOf(nodes, fleet), vrps).flatMap((row) => row.findings)
  const sentences = new Set(
    findings.map(({ severity, message, hint }) => `RPKI ${severity}: ${message} (${hint})`),
  )
  return [...sentences].map((message) => ({ node: null, neighbor: null, message }))
}
