import { formatAsPath, parseAsPath } from '../../net/as-path.ts'
import { type Community, parseCommunity } from '../../net/community.ts'
import { type Parsed, type Prefix, parseAddress, parsePrefix } from '../../net/prefix.ts'
import { compileForDebian } from '../../plan/compile/compile-plan.ts'
import { noFeeds, type PlanFeeds } from '../../plan/compile/feeds.ts'
import type { NodePlan, Plan, SessionChannel, SessionPlan } from '../../plan/compile/plan.ts'
import { loadVrps } from '../../plan/feeds/vrp-source.ts'
import { evaluate } from '../../plan/policy/evaluate.ts'
import type { Policy, Route, Verdict } from '../../plan/policy/policy.ts'
import type { Fleet } from '../../plan/sites/fleet.ts'
import { requireFleet } from '../../plan/sites/load.ts'
import { quote } from '../../text/wording.ts'
import { CommandError } from '../failure.ts'
import { type Progress, withProgress } from '../terminal/progress.ts'
import { loadFeeds } from './load-feeds.ts'
import { notThere } from './not-there.ts'
import { toCommandError, vrpSourceOf, warnOfExpired } from './vrp-options.ts'

export interface ExplainOptions {
  readonly sites: string
  readonly json?: true
  readonly asPath?: string
  readonly community: readonly string[]
  readonly nextHop?: string
  readonly origin: Route['origin']
  readonly local?: boolean
  readonly degraded?: true
  readonly vrps?: string
  readonly state: string
}

export async function explain(
  asked: { node: string; neighbor: string; direction: Policy['direction']; prefix: string },
  options: ExplainOptions,
): Promise<void> {
  const fleet = await requireFleet(options.sites)
  const feeds = await withProgress({ lines: 'slow' }, (progress) => feedsFor(fleet, asked, options, progress))
  const plan = compileForDebian(fleet, feeds)
  const node = findNode(plan, asked.node)
  const session = findSession(node, asked.neighbor)
  const prefix = require(asked.prefix, parsePrefix(asked.prefix))
  const channel = findChannel(session, prefix)
  const assumesLocal = options.local === undefined && isOriginated(node, asked.direction, prefix, options)
  const route = readRoute(session, asked.direction, prefix, {
    ...options,
    local: options.local ?? assumesLocal,
  })
  const { vrps } = feeds
  const verdict = evaluate(
    channel[asked.direction],
    route,
    vrps === null ? undefined : (prefix, origin) => vrps.validate(prefix, origin),
  )
  if (options.json) process.stdout.write(`${JSON.stringify(toJson(verdict, route, assumesLocal), null, 2)}\n`)
  else {
    const lines = describe(node, session, asked.direction, route, verdict)
    if (assumesLocal) {
      lines.push(
        `note    ${node.node} originates ${prefix}, so --local is assumed; --no-local explains the route as learned`,
      )
    }
    process.stdout.write(`${lines.join('\n')}\n`)
  }
}

/** An exported prefix of our own is originated by the node, unless a path or an option says that it is learned. */
function isOriginated(
  { services, alwaysAnnounce }: NodePlan,
  direction: Policy['direction'],
  prefix: Prefix,
  { asPath }: ExplainOptions,
): boolean {
  if (direction === 'import' || asPath !== undefined) return false
  const own = services.flatMap(({ anycast, covering }) => [...anycast, ...covering])
  return [...own, ...alwaysAnnounce].some((one) => one.equals(prefix))
}

/** Loads only what this neighbor's rules need: VRPs take a second to read, and an IRR set may be missing. */
async function feedsFor(
  fleet: Fleet,
  asked: { node: string; neighbor: string },
  options: ExplainOptions,
  progress: Progress,
): Promise<PlanFeeds> {
  const sites = fleet.sites.map((site) => ({
    ...site,
    nodes: site.nodes
      .filter(({ name }) => name === asked.node)
      .map((node) => ({ ...node, neighbors: node.neighbors.filter(({ name }) => name === asked.neighbor) })),
  }))
  const neighbors = sites.flatMap((site) => site.nodes.flatMap((node) => node.neighbors))
  const rpki = fleet.rpki === null ? null : { ...fleet.rpki, vrps: null }
  const irr = neighbors.some((neighbor) => neighbor.irr !== null)
    ? (await loadFeeds({ ...fleet, sites, rpki }, { ...options, offline: true }, progress)).irr
    : noFeeds.irr
  if (options.vrps === undefined && fleet.rpki?.vrps == null) return { irr, vrps: null }
  const source = { ...vrpSourceOf(options, fleet), maxAgeMs: Number.POSITIVE_INFINITY }
  progress.step(`read ${source.file}`)
  const loading = loadVrps(source, { stateDir: null, nowMs: Date.now() })
  const { vrps, expired } = await loading.catch((error: unknown) => {
    throw toCommandError(error)
  })
  warnOfExpired(source, expired)
  return { irr, vrps }
}

function findChannel({ neighbor, channels }: SessionPlan, prefix: Prefix): SessionChannel {
  const channel = channels.find(({ family }) => family === prefix.family)
  if (channel !== undefined) return channel
  throw new CommandError(
    `${prefix} is not an ${prefix.family === 'ipv6' ? 'IPv4' : 'IPv6'} prefix, and the session to ${neighbor} carries no others`,
    { hint: 'name the session of the other family' },
  )
}

function readRoute(
  session: SessionPlan,
  direction: Policy['direction'],
  prefix: Prefix,
  options: ExplainOptions,
): Route {
  const isImport = direction === 'import'
  if (isImport && (options.local || options.degraded)) {
    throw new CommandError('a route from a neighbor is not local', {
      hint: `leave out --${options.local ? 'local' : 'degraded'}`,
    })
  }
  const ownPath = isImport && session.kind !== 'ibgp' ? [session.asn] : []
  const nextHop =
    options.nextHop === undefined ? null : require(options.nextHop, parseAddress(options.nextHop))
  return {
    prefix,
    asPath: options.asPath === undefined ? ownPath : require(options.asPath, parseAsPath(options.asPath)),
    nextHop: nextHop ?? (isImport ? session.address : null),
    origin: options.origin,
    localPref: 100,
    med: null,
    communities: options.community.map((community) => require(community, parseCommunity(community))),
    otc: null,
    local: options.local === true || options.degraded === true,
    degraded: options.degraded === true,
  }
}

/** Errors of the command line are reported one at a time. */
function require<T>(text: string, parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value
  throw new CommandError(`${quote(text)} ${parsed.problem}`, { hint: parsed.hint })
}

function findNode(plan: Plan, name: string): NodePlan {
  const node = plan.nodes.find((candidate) => candidate.node === name)
  if (node !== undefined) return node
  throw notThere(
    `there is no node ${quote(name)}`,
    name,
    plan.nodes.map((candidate) => candidate.node),
  )
}

function findSession(node: NodePlan, name: string): SessionPlan {
  const session = node.sessions.find((candidate) => candidate.neighbor === name)
  if (session !== undefined) return session
  const names = node.sessions.map((candidate) => candidate.neighbor)
  throw notThere(`${node.node} has no neighbor ${quote(name)}`, name, names)
}

function toJson(verdict: Verdict, before: Route, assumesLocal: boolean) {
  const { rule, changedBy, route } = verdict
  return {
    verdict: verdict.verdict,
    rule: rule.id,
    reason: reasonOf(verdict),
    set: changesOf(before, route),
    changedBy: changedBy.map(({ id }) => id),
    ...(assumesLocal ? { assumed: ['local'] } : {}),
  }
}

function reasonOf({ rule }: Verdict): string {
  return rule.source === null ? rule.why : `${rule.why} (${rule.source})`
}

/** Only the attributes that change. */
function changesOf(before: Route, after: Route) {
  const lacks = (route: Route) => (community: Community) =>
    !route.communities.some((other) => other.equals(community))
  const added = after.communities.filter(lacks(before)).map(String)
  const removed = before.communities.filter(lacks(after)).map(String)
  return {
    ...(after.localPref === before.localPref ? {} : { localPref: after.localPref }),
    ...(after.med === before.med ? {} : { med: after.med }),
    ...(after.asPath.length === before.asPath.length
      ? {}
      : { prepended: after.asPath.slice(0, after.asPath.length - before.asPath.length).flat() }),
    ...(added.length === 0 ? {} : { communitiesAdded: added }),
    ...(removed.length === 0 ? {} : { communitiesRemoved: removed }),
    ...(after.otc === before.otc ? {} : { onlyToCustomer: after.otc }),
  }
}

function describe(
  node: NodePlan,
  session: SessionPlan,
  direction: Policy['direction'],
  route: Route,
  verdict: Verdict,
): string[] {
  const what = direction === 'import' ? `from ${session.neighbor}` : `to ${session.neighbor}`
  const path = route.asPath.length === 0 ? 'an empty path' : `path ${formatAsPath(route.asPath)}`
  const changes = Object.entries(changesOf(route, verdict.route))
  return [
    `${verdict.verdict}  ${route.prefix} ${what} at ${node.node}, ${route.degraded ? 'originated here, degraded' : route.local ? 'originated here' : path}`,
    `rule    ${verdict.rule.id}: ${reasonOf(verdict)}`,
    ...changes.map(([name, value]) => `set     ${changeWords[name]} ${[value].flat().join(' ')}`),
  ]
}

const changeWords: Readonly<Record<string, string>> = {
  localPref: 'local preference',
  med: 'MED',
  prepended: 'prepended',
  communitiesAdded: 'communities, added:',
  communitiesRemoved: 'communities, removed:',
  onlyToCustomer: 'ONLY_TO_CUSTOMER',
}
