import type { NodeView } from '../../change/view.ts'
import { serves } from './view.ts'

/** A node of the fleet, whether it changes or not. */
export interface Peer {
  readonly node: string
  readonly site: string
  readonly services: readonly string[]
  /** Neither being changed nor changed and not yet proven. */
  readonly settled: boolean
  /** `null`: no controller, or not known. */
  readonly view: NodeView | null
}

/**
 * Why this node must not be changed now; `null`: it may. For each of its services, other sites must serve, without a
 * node that is not settled: `minSites` of them and at least one, or all others if the fleet has fewer. So nodes of the last
 * two sites never change at once. In a fleet of one site, another node of it must serve.
 */
export function whyNotNow(
  node: string,
  peers: readonly Peer[],
  minSites: ReadonlyMap<string, number>,
): string | null {
  const own = peers.find((peer) => peer.node === node)
  if (own === undefined) return null
  const changingSites = new Set(peers.filter(({ settled }) => !settled).map(({ site }) => site))
  for (const service of own.services) {
    const others = peers.filter((peer) => peer.node !== node && peer.services.includes(service))
    const elsewhere = others.filter(({ site }) => site !== own.site)
    const count = (candidates: readonly Peer[]) =>
      new Set(candidates.map(elsewhere.length > 0 ? ({ site }) => site : (peer) => peer.node)).size
    const candidates = elsewhere.length > 0 ? elsewhere : others
    const isSettled = ({ site, settled }: Peer) => settled && (site === own.site || !changingSites.has(site))
    const serving = count(candidates.filter((peer) => isSettled(peer) && serves(peer.view, service)))
    const needed = Math.min(count(candidates), Math.max(1, minSites.get(service) ?? 1))
    if (serving >= needed) continue
    const what = elsewhere.length > 0 ? 'site' : 'node'
    return serving === 0
      ? `no other ${what} serves ${service}`
      : `only ${serving} other ${what}s serve ${service}`
  }
  return null
}
