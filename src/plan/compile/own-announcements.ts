import { comparePrefixes, type Prefix } from '../../net/prefix.ts'
import { type OwnAnnouncement, preflight } from '../rpki/preflight.ts'
import type { VrpSet } from '../rpki/vrp-set.ts'
import type { Fleet } from '../sites/fleet.ts'
import type { NodePlan, Notice } from './plan.ts'

/** Covering prefixes, and those of alwaysAnnounce, that leave the AS, each once, with the nodes that may announce it. */
export function announcementsOf(nodes: readonly NodePlan[], fleet: Fleet): OwnAnnouncement[] {
  const covering = new Set(fleet.services.flatMap((service) => service.covering.map(String)))
  const byText = new Map<string, { prefix: Prefix; announcedBy: Set<string> }>()
  for (const { node, sessions, alwaysAnnounce } of nodes) {
    const always = new Set(alwaysAnnounce.map(String))
    for (const { kind, exports } of sessions) {
      if (kind === 'ibgp' || kind === 'tor') continue
      for (const prefix of exports) {
        if (!covering.has(prefix.toString()) && !(always.has(prefix.toString()) && !prefix.isHost)) continue
        const known = byText.get(prefix.toString()) ?? { prefix, announcedBy: new Set() }
        byText.set(prefix.toString(), known)
        known.announcedBy.add(node)
      }
    }
  }
  return [...byText.values()]
    .sort((a, b) => comparePrefixes(a.prefix, b.prefix))
    .map(({ prefix, announcedBy }) => ({ prefix, origin: fleet.asn, nodes: [...announcedBy].sort() }))
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
