import { comparePrefixes, type Prefix } from '../net/prefix.ts'
import type { Fleet, FleetNode, Neighbor, Service, Site } from '../sites/fleet.ts'
import { kindPolicies } from './kinds.ts'
import type { NodeLayout, NodePlan, Notice, Plan, SessionPlan } from './plan.ts'

/** Turns a validated fleet into what every node should do. The same fleet gives the same plan. */
export function compilePlan(fleet: Fleet, layout: (site: Site, node: FleetNode) => NodeLayout): Plan {
  const notices: Notice[] = []
  if (fleet.bogonsAllowed.length > 0) {
    notices.push({
      node: null,
      neighbor: null,
      message: `bogon ranges allowed on purpose: ${fleet.bogonsAllowed.join(', ')}`,
    })
  }
  const nodes = fleet.sites
    .flatMap((site) => site.nodes.map((node) => compileNode(fleet, site, node, layout(site, node), notices)))
    .sort((a, b) => compareText(a.site, b.site) || compareText(a.node, b.node))
  return { nodes, notices }
}

function compileNode(
  fleet: Fleet,
  site: Site,
  node: FleetNode,
  layout: NodeLayout,
  notices: Notice[],
): NodePlan {
  const services = fleet.services
    .filter((service) => node.services.includes(service.name))
    .sort((a, b) => compareText(a.name, b.name))
  const sessions = node.neighbors.map((neighbor) => compileSession(node, neighbor, services, notices))
  return {
    site: site.name,
    node: node.name,
    daemon: node.daemon,
    asn: fleet.asn,
    routerId: node.routerId,
    layout,
    sessions,
    services,
  }
}

function compileSession(
  node: FleetNode,
  neighbor: Neighbor,
  services: readonly Service[],
  notices: Notice[],
): SessionPlan {
  const policy = kindPolicies[neighbor.kind]
  const family = neighbor.address.family
  let gtsm = neighbor.gtsm ?? policy.gtsm
  if (gtsm && neighbor.gtsm === null && node.daemon === 'frr' && neighbor.bfd !== null) {
    // FRR 8.4 counts a session with ttl-security as multihop and speaks BFD on UDP 4784 (RFC 5883),
    // which a directly connected neighbor never answers.
    gtsm = false
    notices.push({
      node: node.name,
      neighbor: neighbor.name,
      message: 'GTSM is left out, because FRR cannot have it together with single-hop BFD',
    })
  }
  return {
    neighbor: neighbor.name,
    symbol: `aw_${neighbor.name.replaceAll('-', '_')}`,
    kind: neighbor.kind,
    description: neighbor.description ?? `${neighbor.kind} ${neighbor.name}`,
    asn: neighbor.asn,
    address: neighbor.address,
    localAddress: neighbor.localAddress,
    family,
    import: neighbor.import,
    exports: prefixesOf(services, policy.exportsHosts).filter((prefix) => prefix.family === family),
    exportNoExport: policy.noExport,
    bfd: neighbor.bfd,
    gtsm,
    passwordFile: neighbor.passwordFile,
  }
}

/** The prefixes that a node originates for its services, sorted, each once. */
export function prefixesOf(services: readonly Service[], withHosts: boolean): readonly Prefix[] {
  const byText = new Map<string, Prefix>()
  for (const service of services) {
    for (const prefix of service.covering) byText.set(prefix.toString(), prefix)
    if (withHosts) for (const prefix of service.anycast) byText.set(prefix.toString(), prefix)
  }
  return [...byText.values()].sort(comparePrefixes)
}

/** By code unit: the same order on every machine, whatever its locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
