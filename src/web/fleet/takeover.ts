import type { FleetStatus } from '../../control/fleet-status.ts'
import { count } from '../../text/count.ts'
import { type Level, order } from '../node/verdict.ts'
import { listed } from '../words.ts'

/** What remains of a service if one of its sites goes. */
export interface Takeover {
  readonly service: string
  readonly site: string
  readonly level: Level
  /** The other sites that announce it normally now, and those that announce it degraded. */
  readonly normal: string
  readonly degraded: string
  /** Whether this site may withdraw now, and whether yet another one may once this one is gone. */
  readonly itself: string
  readonly another: string
}

export interface ServiceTakeover {
  readonly service: string
  readonly level: Level
  readonly sentence: string
  /** Of each site that announces it, the worst first. */
  readonly sites: readonly Takeover[]
}

interface Site {
  readonly site: string
  readonly grade: 'normal' | 'degraded'
  /** The permit counts it. */
  readonly isWell: boolean
}

/** By what is announced now; empty while the store does not answer this node, for all of it is old then. */
export function findTakeovers(fleet: FleetStatus): ServiceTakeover[] {
  if (fleet.store.ok !== true) return []
  const names = new Set(fleet.nodes.flatMap(({ services }) => services.map(({ name }) => name)))
  return [...names]
    .sort()
    .map((service) => judgeService(service, fleet))
    .toSorted((a, b) => order.indexOf(b.level) - order.indexOf(a.level))
}

function judgeService(service: string, fleet: FleetStatus): ServiceTakeover {
  const sites = sitesOf(service, fleet)
  const required = fleet.minSites.find((one) => one.service === service)?.minSites ?? null
  const configured = new Set(
    fleet.nodes
      .filter(({ services }) => services.some(({ name }) => name === service))
      .map(({ site }) => site),
  ).size
  const normal = sites.filter(({ grade }) => grade === 'normal')
  const degraded = sites.filter(({ grade }) => grade === 'degraded')
  const well = sites.filter(({ isWell }) => isWell).length
  const judged = sites
    .map((site) => judgeSite(service, site, { normal, degraded, well }, { required, configured }))
    .toSorted((a, b) => order.indexOf(b.level) - order.indexOf(a.level))
  const level = sites.length === 0 ? 'bad' : judged[0]!.level
  return { service, level, sentence: sentenceOf(service, sites, { required, configured }), sites: judged }
}

/** Those that announce it, by their nodes that are not silent. */
function sitesOf(service: string, { nodes, permits }: FleetStatus): Site[] {
  const registered = new Set(
    permits.filter((permit) => permit.service === service).map(({ site, node }) => `${site}/${node}`),
  )
  const sites = new Map<string, Site>()
  for (const { site, node, stale, services } of nodes) {
    const found = services.find(({ name }) => name === service)
    if (stale || found === undefined || found.announced.length === 0) continue
    const earlier = sites.get(site)
    const isNormal = earlier?.grade === 'normal' || found.announced.some(({ degraded }) => !degraded)
    const isWell = earlier?.isWell === true || (found.well === true && !registered.has(`${site}/${node}`))
    sites.set(site, { site, grade: isNormal ? 'normal' : 'degraded', isWell })
  }
  return [...sites.values()]
}

interface Rules {
  /** `null`: the node that answers does not have the service, and does not know. */
  readonly required: number | null
  /** Sites that have the service, whether they announce it or not. */
  readonly configured: number
}

interface Announcing {
  readonly normal: readonly Site[]
  readonly degraded: readonly Site[]
  /** How many the permit counts. */
  readonly well: number
}

function judgeSite(service: string, own: Site, all: Announcing, rules: Rules): Takeover {
  const { site } = own
  const normal = othersOf(own, all.normal)
  const degraded = othersOf(own, all.degraded)
  const well = all.well - (own.isWell ? 1 : 0)
  return {
    ...{ service, site },
    level: normal.amount === 0 && rules.configured > 1 ? 'warn' : 'ok',
    normal: normal.names,
    degraded: degraded.names,
    itself: judgePermit(well, rules.required),
    // It would have to be one of those.
    another:
      normal.amount + degraded.amount === 0
        ? 'there is none'
        : judgePermit(Math.max(0, well - 1), rules.required),
  }
}

/** What a request for a permit would be answered if so many other sites were well. */
function judgePermit(well: number, required: number | null): string {
  if (required === null) return 'not known here'
  return well >= required ? 'yes' : `no: ${well} of ${required} others well`
}

const mostNamed = 4

/** Of a grade, besides this one. Of many only the number matters: with 1,000 sites, 1,000 lists of them would take 0.1 s. */
function othersOf(own: Site, sites: readonly Site[]): { readonly amount: number; readonly names: string } {
  const amount = sites.length - (sites[0]?.grade === own.grade ? 1 : 0)
  const names =
    amount > mostNamed ? count(amount, 'site') : namesOf(sites.filter(({ site }) => site !== own.site))
  return { amount, names }
}

function namesOf(sites: readonly Site[]): string {
  if (sites.length === 0) return 'none'
  return sites.length <= mostNamed ? listed(sites.map(({ site }) => site)) : count(sites.length, 'site')
}

function sentenceOf(service: string, sites: readonly Site[], { required, configured }: Rules): string {
  const normal = sites.filter(({ grade }) => grade === 'normal')
  if (sites.length === 0) return `${service}: no site announces it, so far as is known`
  if (sites.length === 1) {
    const held = required === null || required === 0 ? '' : '; while its own probe alone fails, it is held'
    const where = configured === 1 ? 'is at one site only' : 'hangs on one site'
    return `${service} ${where}: if ${sites[0]!.site} goes, no other announces it${held}`
  }
  if (normal.length === 0) return `${service}: all ${sites.length} sites that announce it are degraded`
  if (normal.length === 1) {
    return `${service} hangs on one site: if ${normal[0]!.site} goes, ${namesOf(sites.filter(({ grade }) => grade === 'degraded'))} would take over, degraded`
  }
  return `${service}: if any one site goes, others announce it normally (${count(normal.length, 'site')} now)`
}
