import { findRoute } from '../../linux/inspect/routes.ts'
import { RunError } from '../../linux/run.ts'
import type { Manifest } from '../../manifest/manifest.ts'

/** The interfaces by which the node reaches its neighbors of a family, sorted. */
export async function findUplinks(
  { neighbors }: Pick<Manifest, 'neighbors'>,
  family: 'ipv4' | 'ipv6' | null = null,
): Promise<string[]> {
  const names = new Set<string>()
  for (const { address, interface: link, vrf } of neighbors) {
    // A link-local or unnumbered session may carry both families.
    if ((link ?? null) !== null) names.add(link!)
    if (typeof address !== 'string' || address.includes('%') || (link ?? null) !== null) continue
    if (family !== null && address.includes(':') !== (family === 'ipv6')) continue
    try {
      const route = await findRoute(address, { vrf })
      if (route?.dev !== undefined && route.dev !== 'lo') names.add(route.dev)
    } catch (cause) {
      if (!(cause instanceof RunError) || cause.kind !== 'failed') throw cause
    }
  }
  return [...names].sort()
}
