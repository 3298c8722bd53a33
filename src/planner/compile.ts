import { comparePrefixes, type Family, type Prefix } from '../net/prefix.ts'
import { compileExport, compileImport, isValidated, type PolicyInput, roleOf } from '../policy/compile.ts'
import { kindPolicies } from '../policy/kinds.ts'
import type { Fleet, FleetNode, Neighbor, Service, Site } from '../sites/fleet.ts'
import { irrKey, noFeeds, type PlanFeeds } from './feeds.ts'
import { noticesOfFleet, noticesOfNeighbor } from './notices.ts'
import { noticesOfOwn } from './own-announcements.ts'
import type { NodeLayout, NodePlan, Notice, Plan, SessionPlan } from './plan.ts'

/** Turns a validated fleet into what every node should do. The same fleet and feeds give the same plan. */
export function compilePlan(
  fleet: Fleet,
  layout: (site: Site, node: FleetNode) => NodeLayout,
  feeds: PlanFeeds = noFeeds,
): Plan {
  const notices: Notice[] = noticesOfFleet(fleet)
  const all = prefixesOf(fleet.services, true)
  const own = { ipv4: ofFamily(all, 'ipv4'), ipv6: ofFamily(all, 'ipv6') }
  const nodes = fleet.sites
    .flatMap((site) =>
      site.nodes.map((node) => compileNode({ fleet, feeds, own, notices }, site, node, layout(site, node))),
    )
    .sort((a, b) => compareText(a.site, b.site) || compareText(a.node, b.node))
  return { nodes, notices: [...notices, ...noticesOfOwn(nodes, fleet, feeds.vrps)] }
}

/** What all nodes share. */
interface Compilation {
  readonly fleet: Fleet
  readonly feeds: PlanFeeds
  /** All that the fleet originates. */
  readonly own: Readonly<Record<Family, readonly Prefix[]>>
  readonly notices: Notice[]
}

function compileNode(shared: Compilation, site: Site, node: FleetNode, layout: NodeLayout): NodePlan {
  const { fleet } = shared
  const services = fleet.services
    .filter((service) => node.services.includes(service.name))
    .sort((a, b) => compareText(a.name, b.name))
  const sessions = node.neighbors.map((neighbor) => compileSession(shared, node, neighbor, services))
  return {
    site: site.name,
    node: node.name,
    daemon: node.daemon,
    asn: fleet.asn,
    routerId: node.routerId,
    layout,
    sessions,
    rpki: sessions.some(usesVrps) ? fleet.rpki : null,
    services,
  }
}

function compileSession(
  { fleet, feeds, own, notices }: Compilation,
  node: FleetNode,
  neighbor: Neighbor,
  services: readonly Service[],
): SessionPlan {
  const kind = kindPolicies[neighbor.kind]
  const family = neighbor.address.family
  const exports = ofFamily(prefixesOf(services, neighbor.hostRoutes ?? kind.exportsHosts), family)
  const input: PolicyInput = {
    ourAsn: fleet.asn,
    ownPrefixes: own[family],
    exports,
    bogonsAllowed: fleet.bogonsAllowed,
    rpki: fleet.rpki,
    communities: fleet.communities,
    // A set that could not be had lets nothing in.
    irr: neighbor.irr === null ? null : (feeds.irr.get(irrKey(neighbor.irr, family)) ?? []),
    neighbor,
  }
  const session: SessionPlan = {
    neighbor: neighbor.name,
    symbol: `aw_${neighbor.name.replaceAll('-', '_')}`,
    kind: neighbor.kind,
    description: neighbor.description ?? `${neighbor.kind} ${neighbor.name}`,
    asn: neighbor.asn,
    address: neighbor.address,
    localAddress: neighbor.localAddress,
    family,
    taken: neighbor.import,
    import: compileImport(input),
    export: compileExport(input),
    validated: isValidated(input),
    exports,
    role: roleOf(neighbor),
    multihop: neighbor.multihop,
    bfd: neighbor.bfd,
    gtsm: hasGtsm(node, neighbor),
    passwordFile: neighbor.passwordFile,
  }
  notices.push(...noticesOfNeighbor(feeds, node, neighbor, session))
  return session
}

function usesVrps(session: SessionPlan): boolean {
  return [session.import, session.export].some(({ rules }) =>
    rules.some(({ match }) => match.some(({ type }) => type === 'validation')),
  )
}

function hasGtsm(node: FleetNode, neighbor: Neighbor): boolean {
  if (neighbor.gtsm !== null) return neighbor.gtsm
  if (neighbor.multihop !== null) return false
  // FRR 8.4 counts a session with ttl-security as multihop and speaks BFD on UDP 4784 (RFC 5883),
  // which a directly connected neighbor never answers.
  if (node.daemon === 'frr' && neighbor.bfd !== null) return false
  return kindPolicies[neighbor.kind].gtsm
}

function ofFamily(prefixes: readonly Prefix[], family: Family): readonly Prefix[] {
  return prefixes.filter((prefix) => prefix.family === family)
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
