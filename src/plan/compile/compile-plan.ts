import { comparePrefixes, type Family, type Prefix } from '../../net/prefix.ts'
import {
  compileExport,
  compileImport,
  isValidated,
  type PolicyInput,
  roleOf,
} from '../policy/compile-policy.ts'
import { once } from '../policy/once.ts'
import type { ServiceExport } from '../policy/shared-rules.ts'
import { hasFeature } from '../sites/checks/versions.ts'
import {
  type Fleet,
  type FleetNode,
  familiesOf,
  hostRoutesByKind,
  type Neighbor,
  ourAsnIn,
  type Service,
  type Site,
} from '../sites/fleet.ts'
import { chooseObservers, type NodeRemote } from './choose-observers.ts'
import { versionsFor } from './daemon-versions.ts'
import { irrKey, noFeeds, type PlanFeeds } from './feeds.ts'
import { debianLayout } from './layout.ts'
import {
  noticesOfFleet,
  noticesOfLists,
  noticesOfNeighbor,
  noticesOfNode,
  noticesOfRemote,
} from './notices.ts'
import { noticesOfOwn } from './own-announcements.ts'
import { collectOwnAsns } from './own-asns.ts'
import { type NodeRescue, placeRosters } from './place-rosters.ts'
import {
  type NodeLayout,
  type NodePlan,
  type Notice,
  type Plan,
  type SessionChannel,
  type SessionPlan,
  usesVrps,
} from './plan.ts'

/** With the paths of the Debian packages, for real nodes. */
export function compileForDebian(fleet: Fleet, feeds?: PlanFeeds): Plan {
  return compilePlan(fleet, (_site, node) => debianLayout(fleet, node), feeds)
}

/** Compiles a validated fleet into the configuration of every node. The same fleet and feeds give the same plan. */
export function compilePlan(
  fleet: Fleet,
  layout: (site: Site, node: FleetNode) => NodeLayout,
  feeds: PlanFeeds = noFeeds,
): Plan {
  const notices: Notice[] = noticesOfFleet(fleet)
  const always = fleet.sites.flatMap(({ nodes }) => nodes.flatMap(({ alwaysAnnounce }) => alwaysAnnounce))
  const all = withAlways(prefixesOf(fleet.services, true), always)
  const own = { ipv4: ofFamily.ipv4(all), ipv6: ofFamily.ipv6(all) }
  const byName = sortByName(fleet.services)
  // One list for all nodes with the same services, so that derived data is computed once.
  const servicesOf = once(
    (names: string) => byName.filter(({ name }) => names.split(' ').includes(name)),
    new Map<string, readonly Service[]>(),
  )
  const shared = {
    ...{ fleet, feeds, own, notices, servicesOf },
    otherAsnsOf: collectOwnAsns(fleet),
    remotes: chooseObservers(fleet),
    rosters: placeRosters(fleet),
  }
  // Sorted, so that the order of notices does not depend on the order of the files.
  const nodes = sortByName(fleet.sites).flatMap((site) =>
    sortByName(site.nodes).map((node) => compileNode(shared, site, node, layout(site, node))),
  )
  return { nodes, notices: [...notices, ...noticesOfOwn(nodes, fleet, feeds.vrps)] }
}

/** Data that all nodes share. */
interface Compilation {
  readonly fleet: Fleet
  readonly feeds: PlanFeeds
  /** All prefixes that the fleet originates. */
  readonly own: Readonly<Record<Family, readonly Prefix[]>>
  readonly notices: Notice[]
  /** Keyed by the names, separated by blanks; sorted. */
  readonly servicesOf: (names: string) => readonly Service[]
  readonly otherAsnsOf: ReturnType<typeof collectOwnAsns>
  /** By the name of the node. */
  readonly remotes: ReadonlyMap<string, NodeRemote>
  /** By the name of the node. */
  readonly rosters: ReadonlyMap<string, NodeRescue>
}

function compileNode(shared: Compilation, site: Site, node: FleetNode, layout: NodeLayout): NodePlan {
  const { fleet } = shared
  const services = shared.servicesOf(node.services.toSorted().join(' '))
  const sessions = node.neighbors.map((neighbor) => {
    const advertised =
      neighbor.services === null ? services : shared.servicesOf(neighbor.services.toSorted().join(' '))
    return compileSession(shared, node, neighbor, advertised)
  })
  const rpki = sessions.some(usesVrps) ? fleet.rpki : null
  const remote = shared.remotes.get(node.name) ?? null
  shared.notices.push(
    ...noticesOfNode(fleet, node, layout),
    ...noticesOfLists(node, sessions),
    ...noticesOfRemote(node, remote),
  )
  return {
    site: site.name,
    node: node.name,
    daemon: node.daemon,
    versions: versionsFor(node, { sessions, rpki }),
    namesCacheTransport: hasFeature(node, 'cache-transport'),
    startsBfdFirst: hasFeature(node, 'bfd-before-bgp'),
    routing: node.routing,
    asn: node.asn,
    routerId: node.routerId,
    layout,
    sessions,
    rpki,
    services,
    store: fleet.store,
    remote,
    rescue: shared.rosters.get(node.name) ?? null,
    probeKeys: node.probeKeys,
    alwaysAnnounce: sortPrefixes(node.alwaysAnnounce),
    extra: node.extra,
    maintenance: node.maintenance,
    access: fleet.access,
    peerMetrics: fleet.peerMetrics,
    plannerKeys: fleet.planner.keys,
  }
}

function compileSession(
  { fleet, feeds, own, notices, otherAsnsOf }: Compilation,
  node: FleetNode,
  neighbor: Neighbor,
  services: readonly Service[],
): SessionPlan {
  const withHosts = neighbor.hostRoutes ?? hostRoutesByKind[neighbor.kind]
  const always = node.alwaysAnnounce.filter((prefix) => withHosts || !prefix.isHost)
  const exports = withAlways(prefixesOf(services, withHosts), always)
  const ourAsn = ourAsnIn(neighbor, node)
  const otherAsns = otherAsnsOf(node, neighbor)
  const channels = familiesOf(neighbor).map((family): SessionChannel => {
    const input: PolicyInput = {
      family,
      ourAsn,
      nodeAsn: node.asn,
      otherAsns,
      ownPrefixes: own[family],
      exports: ofFamily[family](exports),
      bogonsAllowed: fleet.bogonsAllowed,
      // The engineer's own configuration validates origins, or does not.
      rpki: node.routing === 'attached' ? null : fleet.rpki,
      communities: fleet.communities,
      announcesAlways: always.some((prefix) => prefix.family === family),
      serviceExports: serviceExportsOf(services)[family],
      // If the set is not available, no route is accepted.
      irr: neighbor.irr === null ? null : (feeds.irr.get(irrKey(neighbor.irr, family)) ?? []),
      neighbor,
    }
    return { family, import: compileImport(input), export: compileExport(input), exports: input.exports }
  })
  const session: SessionPlan = {
    neighbor: neighbor.name,
    symbol: `aw_${neighbor.name.replaceAll('-', '_')}`,
    kind: neighbor.kind,
    description: neighbor.description ?? `${neighbor.kind} ${neighbor.name}`,
    asn: neighbor.asn,
    localAs: neighbor.localAs,
    address: neighbor.address,
    localAddress: neighbor.localAddress,
    interface: neighbor.interface,
    vrf: neighbor.vrf,
    taken: neighbor.import,
    channels,
    validated: isValidated({ neighbor, rpki: fleet.rpki }),
    exports: channels.flatMap((channel) => channel.exports),
    role: roleOf(neighbor),
    multihop: neighbor.multihop,
    bfd: neighbor.bfd,
    timers: neighbor.timers,
    gtsm: neighbor.gtsm,
    passwordFile: neighbor.passwordFile,
    degrade: neighbor.degrade,
    protocol: neighbor.session,
  }
  notices.push(...noticesOfNeighbor(feeds, node, neighbor, session))
  return session
}

const ofFamily: Readonly<Record<Family, (prefixes: readonly Prefix[]) => readonly Prefix[]>> = {
  ipv4: once((prefixes) => prefixes.filter((prefix) => prefix.family === 'ipv4')),
  ipv6: once((prefixes) => prefixes.filter((prefix) => prefix.family === 'ipv6')),
}

/** The prefixes that a node originates for its services, sorted, each once. */
export function prefixesOf(services: readonly Service[], withHosts: boolean): readonly Prefix[] {
  return withHosts ? allPrefixes(services) : coveringPrefixes(services)
}

/** The same list where the node announces no prefix by itself, so that derived data is shared. */
function withAlways(prefixes: readonly Prefix[], always: readonly Prefix[]): readonly Prefix[] {
  return always.length === 0 ? prefixes : sortPrefixes([...prefixes, ...always])
}

const allPrefixes = once((services: readonly Service[]) =>
  sortPrefixes(services.flatMap(({ covering, anycast }) => [...covering, ...anycast])),
)
const coveringPrefixes = once((services: readonly Service[]) =>
  sortPrefixes(services.flatMap(({ covering }) => covering)),
)

/** With host routes also for sessions that reject them earlier, so that all sessions share one list. */
const serviceExportsOf = once((services: readonly Service[]) => {
  const tagged = services.filter(({ communities }) => communities.length > 0)
  const list = (family: Family): readonly ServiceExport[] =>
    tagged
      .map((service) => ({
        service: service.name,
        prefixes: ofFamily[family](prefixesOf([service], true)),
        communities: service.communities,
      }))
      .filter(({ prefixes }) => prefixes.length > 0)
  return { ipv4: list('ipv4'), ipv6: list('ipv6') }
})

function sortPrefixes(prefixes: readonly Prefix[]): readonly Prefix[] {
  return [...new Map(prefixes.map((prefix) => [prefix.toString(), prefix])).values()].sort(comparePrefixes)
}

/** By code unit: the same order on every machine, whatever its locale. */
function sortByName<T extends { readonly name: string }>(all: readonly T[]): T[] {
  return all.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}
