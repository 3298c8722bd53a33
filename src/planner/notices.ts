import type { Family } from '../net/prefix.ts'
import { bogonAsns, isAmong } from '../policy/asn-ranges.ts'
import { kindPolicies } from '../policy/kinds.ts'
import type { Fleet, FleetNode, Neighbor } from '../sites/fleet.ts'
import { irrKey, type PlanFeeds } from './feeds.ts'
import type { Notice, SessionPlan } from './plan.ts'

/** What holds for the whole fleet and deserves to be said aloud. */
export function noticesOfFleet(fleet: Fleet): Notice[] {
  const say = (message: string): Notice => ({ node: null, neighbor: null, message })
  const notices: Notice[] = []
  if (fleet.bogonsAllowed.length > 0) {
    notices.push(say(`bogon ranges allowed on purpose: ${fleet.bogonsAllowed.join(', ')}`))
  }
  const takesAll = fleet.sites.some((site) =>
    site.nodes.some((node) => node.neighbors.some((neighbor) => neighbor.import === 'full')),
  )
  if (takesAll && fleet.rpki === null) {
    notices.push(say('no origin is validated, because fleet.yaml names no rpki.caches'))
  }
  if (fleet.rpki?.invalid === 'accept') {
    notices.push(say('routes that are RPKI invalid are taken, because fleet.yaml says rpki.invalid: accept'))
  }
  return notices
}

/** What the planner did for a neighbor that the engineer did not write, or wrote and should be reminded of. */
export function noticesOfNeighbor(
  feeds: PlanFeeds,
  node: FleetNode,
  neighbor: Neighbor,
  session: SessionPlan,
): Notice[] {
  const say = (message: string): Notice => ({ node: node.name, neighbor: neighbor.name, message })
  const notices: Notice[] = []
  const kind = kindPolicies[neighbor.kind]
  if (kind.gtsm && !session.gtsm && neighbor.gtsm === null && neighbor.multihop === null) {
    notices.push(say('GTSM is left out, because FRR cannot have it together with single-hop BFD'))
  }
  for (const { id, why } of [...session.import.relaxed, ...session.export.relaxed]) {
    notices.push(say(`the rule ${id} does not hold here, because the sites relax it (it says: ${why})`))
  }
  if (neighbor.import !== 'nothing' && kind.checksBogons && isAmong(bogonAsns, neighbor.asn)) {
    notices.push(say(`AS${neighbor.asn} is no public number, and is let into paths from here on purpose`))
  }
  if (neighbor.irr !== null) notices.push(...noticesOfIrr(feeds, neighbor, session.family, say))
  return notices
}

function noticesOfIrr(
  feeds: PlanFeeds,
  { irr }: Neighbor,
  family: Family,
  say: (message: string) => Notice,
): Notice[] {
  if (irr === null || feeds.irr.has(irrKey(irr, family))) return []
  const name = irr.type === 'as-set' ? irr.asSet : irr.file
  return [say(`nothing is taken, because the prefixes of ${name} could not be had`)]
}
