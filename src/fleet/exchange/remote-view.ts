import { count } from '../../text/count.ts'
import type { NodeName } from './keys.ts'
import type { ServiceReport, Sighting } from './node-report.ts'

/** What one current node says of the endpoints of other sites. */
export interface ObserverReport extends NodeName {
  readonly remote: readonly Sighting[]
}

/** How the sites that probe the endpoint of a node see it. */
export interface RemoteView {
  /** Sites that say anything of it. */
  readonly sites: number
  /** Those of them that do not reach it. */
  readonly failing: number
}

/** Whether most sites that probe an endpoint do not reach it, although its own probe says that it serves. */
export function isCutOff({
  health,
  remote,
}: Pick<ServiceReport, 'health'> & { readonly remote: RemoteView | null }): boolean {
  const serves = health === 'healthy' || health === 'impaired'
  return serves && remote !== null && remote.failing * 2 > remote.sites
}

/** Such as `2 of 3 sites that probe it do not reach it`. */
export function describeRemote({ sites, failing }: RemoteView): string {
  return `${failing} of ${count(sites, 'site')} that ${sites === 1 ? 'probes' : 'probe'} it ${failing === 1 ? 'does' : 'do'} not reach it`
}

/** Whether each site that says anything of one endpoint reaches it. */
type Votes = Map<string, boolean>

/** Of every endpoint, by `viewKey`. A site has one vote, however many nodes it says it has, and none on itself. */
export function viewRemotely(reports: readonly ObserverReport[]): Map<string, RemoteView> {
  const votes = new Map<string, Votes>()
  for (const { site, remote } of reports.filter(reachesAny)) {
    for (const sighting of remote) {
      if (sighting.site === site) continue
      const key = viewKey(sighting, sighting.service)
      const ofKey = votes.get(key) ?? new Map<string, boolean>()
      votes.set(key, vote(ofKey, site, sighting))
    }
  }
  return new Map([...votes].map(([key, ofKey]) => [key, countVotes(ofKey)]))
}

/** Of one endpoint, as often as a node decides; `null`: no site says anything of it. */
export function viewOne(
  reports: readonly ObserverReport[],
  { site, node }: NodeName,
  service: string,
): RemoteView | null {
  const votes: Votes = new Map()
  for (const report of reports) {
    if (report.site === site || !reachesAny(report)) continue
    for (const sighting of report.remote) {
      if (sighting.node === node && sighting.site === site && sighting.service === service)
        vote(votes, report.site, sighting)
    }
  }
  return votes.size === 0 ? null : countVotes(votes)
}

/** An observer that reaches no other site may itself be cut off. */
function reachesAny({ remote }: ObserverReport): boolean {
  return remote.some(({ reached }) => reached)
}

function vote(votes: Votes, site: string, { reached }: Sighting): Votes {
  return votes.set(site, reached || votes.get(site) === true)
}

function countVotes(votes: Votes): RemoteView {
  return { sites: votes.size, failing: [...votes.values()].filter((reached) => !reached).length }
}

export function viewKey({ site, node }: NodeName, service: string): string {
  return `${site}/${node}/${service}`
}
