import { frrDegraded } from '../../../manifest/announcements.ts'
import type { Grade } from '../../../net/announcements.ts'

/**
 * The lines that define the route-map of degraded announcements, which a managed node has in its frr.conf. bgpd
 * announces nothing for a `network` line with a route-map that is missing.
 */
export const degradedMapLines: readonly string[] = [
  `route-map ${frrDegraded.map} permit 10`,
  `set tag ${frrDegraded.tag}`,
  'exit',
]

/** Why the engineer's own configuration does not advertise a prefix that bgpd originates. */
export function explainMissing(address: string, isValid: boolean): string {
  return isValid
    ? `the outbound filters of ${address} do not permit it`
    : 'bgpd has no route to exactly this prefix: load the filters of the bundle with `anyward apply`, or write `no bgp network import-check`'
}

/** Why a neighbor has another grade of a route than bgpd originates. */
export function explainGrade(address: string, originated: Grade): string | null {
  if (originated === 'normal') return null
  return `the outbound route-map of ${address} does not use the one that degrades it`
}
