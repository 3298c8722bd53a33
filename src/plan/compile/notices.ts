import { globOf } from '../../manifest/announcements.ts'
import { daemonNames, daemonTraits } from '../../manifest/daemon-kinds.ts'
import type { Family } from '../../net/prefix.ts'
import { bogonAsns, isAmong } from '../policy/asn-ranges.ts'
import { kindPolicies } from '../policy/kinds.ts'
import type { Policy, Rule } from '../policy/policy.ts'
import { hasFeature } from '../sites/checks/versions.ts'
import { type Fleet, type FleetNode, importLimits, type Neighbor } from '../sites/fleet.ts'
import { irrName } from '../sites/irr-key.ts'
import type { NodeRemote } from './choose-observers.ts'
import { irrKey, type PlanFeeds } from './feeds.ts'
import { type NodeLayout, type Notice, policiesOf, type SessionPlan } from './plan.ts'

/** RFC 4271, section 10, suggests 90 s; 30 s leaves room for a router that restarts a process or recomputes a full table. */
const shortHoldS = 30

/** Notices that concern the whole fleet. */
export function noticesOfFleet(fleet: Fleet): Notice[] {
  const say = (message: string): Notice => ({ node: null, neighbor: null, message })
  const notices: Notice[] = []
  if (fleet.bogonsAllowed.length > 0) {
    notices.push(say(`bogon ranges are allowed: ${fleet.bogonsAllowed.join(', ')}`))
  }
  const acceptsAll = fleet.sites.some((site) =>
    site.nodes.some((node) => node.neighbors.some((neighbor) => neighbor.import === 'full')),
  )
  if (acceptsAll && fleet.rpki === null) {
    notices.push(say('route origins are not validated, because fleet.yaml has no rpki.caches'))
  }
  if (fleet.rpki?.invalid === 'accept') {
    notices.push(say('RPKI invalid routes are accepted, because fleet.yaml has rpki.invalid: accept'))
  }
  return notices
}

/** Notices of the probes of other sites. */
export function noticesOfRemote({ name }: FleetNode, remote: NodeRemote | null): Notice[] {
  if ((remote?.observers ?? []).every(({ publicKey }) => publicKey !== null)) return []
  return [{ node: name, neighbor: null, message: unknownKeys }]
}

/** The same for each node, so that it is printed once. */
const unknownKeys =
  'other sites probe it, and its WireGuard needs a peer for each: `plan --probe-peers NODE` prints them, and `anyward doctor` there checks them, once `probeKeys` of the nodes that probe it has their keys'

/** Notices that concern a node as a whole. */
export function noticesOfNode(fleet: Fleet, node: FleetNode, { paths }: NodeLayout): Notice[] {
  const { name, alwaysAnnounce, routing } = node
  const say = (message: string): Notice => ({ node: name, neighbor: null, message })
  const notices: Notice[] = []
  if (alwaysAnnounce.length > 0) {
    notices.push(
      say(
        `${alwaysAnnounce.join(', ')} is announced whenever the daemon runs, also without a controller (alwaysAnnounce)`,
      ),
    )
  }
  if (routing === 'managed') return notices
  const { project, configFile } = daemonNames[node.daemon]
  const decided = ['passwords', 'TTL', 'BFD', 'timers', 'prefix limits', 'roles']
  const own = fleet.rpki === null ? decided : [...decided, 'origin validation (the fleet has rpki)']
  notices.push(say(`attached: your own ${configFile} decides the ${own.join(', ')} of its sessions`))
  if (paths.announceFile !== null) {
    notices.push(
      say(`attached: ${configFile} of ${project} needs the line include "${globOf(paths.announceFile)}";`),
    )
  }
  return notices
}

/** In lists of 100, as they are written: docs/daemons.md. */
const manyEntries = 2000

/** Notices of the size of a node's prefix lists. */
export function noticesOfLists(node: FleetNode, sessions: readonly SessionPlan[]): Notice[] {
  if (hasFeature(node, 'quick-prefix-lists')) return []
  const lists = sessions.flatMap((session) =>
    policiesOf(session).flatMap(({ rules }) =>
      rules.flatMap(({ match }) => match.flatMap((condition) => ('in' in condition ? [condition.in] : []))),
    ),
  )
  // Sessions share the lists of most rules.
  const entries = [...new Set(lists)].reduce((sum, { length }) => sum + length, 0)
  if (entries <= manyEntries) return []
  const message = `the prefix lists have ${entries} entries, which this FRR reads slowly: 8.4 needs 5 s of processor time in each of zebra and bgpd for 2,500, and 19 s for 10,000, whenever it starts; install FRR 10.3, which needs 4 s for 10,000, use BIRD, or take sets with fewer prefixes at irr`
  return [{ node: node.name, neighbor: null, message }]
}

/** Notices of defaults that the planner chose for a neighbor, and of relaxed rules. */
export function noticesOfNeighbor(
  feeds: PlanFeeds,
  node: FleetNode,
  neighbor: Neighbor,
  session: SessionPlan,
): Notice[] {
  const say = (message: string): Notice => ({ node: node.name, neighbor: neighbor.name, message })
  const notices: Notice[] = []
  const kind = kindPolicies[neighbor.kind]
  const { project } = daemonNames[node.daemon]
  for (const { id, why } of relaxedIn(policiesOf(session))) {
    notices.push(say(`the rule ${id} is relaxed for this neighbor (the rule: ${why})`))
  }
  const imports = session.channels.map((channel) => channel.import)
  const setsAllowed = relaxedIn(imports).some(({ id }) => id === 'as-set')
  const rejects = (rule: string) => imports.some(({ rules }) => rules.some(({ id }) => id === rule))
  const { refusesSetOrigins } = daemonTraits[node.daemon]
  if (!refusesSetOrigins && setsAllowed && rejects('rpki-invalid') && !rejects('rpki-not-found')) {
    notices.push(
      say(
        `${project} counts a route whose path ends in an AS_SET as not found, not as invalid (RFC 6811, section 2): rpki-invalid does not refuse it`,
      ),
    )
  }
  if (neighbor.import !== 'nothing' && kind.checksBogons && isAmong(bogonAsns, neighbor.asn)) {
    notices.push(
      say(
        `AS${neighbor.asn} is not a public AS number, and is accepted in paths from this neighbor because the sites configure it`,
      ),
    )
  }
  if (
    daemonTraits[node.daemon].hidesNextHops &&
    neighbor.address === null &&
    neighbor.extendedNextHop &&
    rejects('next-hop')
  ) {
    notices.push(
      say(
        `${project} has no filter for the IPv6 next hop of an IPv4 route from an unnumbered neighbor: next-hop refuses only IPv4 next hops there, and sends the packets of all other routes to the neighbor; address: fe80::…, beside interface, lets it refuse them`,
      ),
    )
  }
  if (neighbor.noExport === false && session.exports.length > 0) notices.push(say(describeReach(session)))
  if (neighbor.bfd === null && neighbor.timers.holdS < shortHoldS) {
    notices.push(
      say(
        `the hold time is ${neighbor.timers.holdS} s without BFD: a router that is busy for so long loses the session; with bfd: {} on both sides a failed path is found in a second, and the hold time can be longer`,
      ),
    )
  }
  if (acceptsWholeTable(neighbor)) {
    const limits = session.channels.map(
      ({ family }) => `${importLimits.transit[family]} ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`,
    )
    notices.push(
      say(
        `import: full accepts the whole table of a transit, up to ${limits.join(' and ')} routes: ${project} and the kernel of this node need the memory for them, and time at each start. import: default-only accepts one route for each family; tighten.onlyPrefixes, or a limit of your own, accepts less`,
      ),
    )
  }
  for (const { family } of session.channels) notices.push(...noticesOfIrr(feeds, neighbor, family, say))
  return notices
}

/** Without a bound that the sites set. */
function acceptsWholeTable({ kind, import: words, limit, tighten }: Neighbor): boolean {
  return kind === 'transit' && words === 'full' && limit === null && tighten.onlyPrefixes === null
}

/** How far routes without NO_EXPORT may travel: no rule of ours holds beyond the neighbor. */
function describeReach({ asn, exports }: SessionPlan): string {
  const hosts = exports.filter((prefix) => prefix.isHost)
  const whose = isAmong(bogonAsns, asn) ? '' : `; AS${asn} is a public AS number`
  return hosts.length === 0
    ? `noExport: false: the neighbor may pass our routes on to other networks${whose}`
    : `noExport: false: the neighbor may pass our routes on, also the host routes ${hosts.join(', ')}: refuse those where the fabric meets other networks${whose}`
}

/** Each relaxed rule once, also where it is relaxed in both families. */
function relaxedIn(policies: readonly Policy[]): readonly Rule[] {
  return [...new Map(policies.flatMap(({ relaxed }) => relaxed.map((rule) => [rule.id, rule]))).values()]
}

function noticesOfIrr(
  feeds: PlanFeeds,
  { irr }: Neighbor,
  family: Family,
  say: (message: string) => Notice,
): Notice[] {
  if (irr === null || feeds.irr.has(irrKey(irr, family))) return []
  return [say(`no route is accepted, because the prefixes of ${irrName(irr)} are not available`)]
}
