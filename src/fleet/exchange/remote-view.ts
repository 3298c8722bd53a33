import { count } from '../../text/wording.ts'
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

/** By `viewKey`. A site has one vote, however many nodes it says it has, and none on itself. */
export function viewRemotely(reports: readonly ObserverReport[]): Map<string, RemoteView> {
  const votes = new Map<string, Map<string, boolean>>()
  for (const { site, remote } of reports) {
    // An observer that reaches no other site may itself be cut off.
    if (!remote.some(({ reached }) => reached)) continue
    for (const sighting of remote) {
      if (sighting.site === site) continue
      const key = viewKey(sighting, sighting.service)
      const bySite = votes.get(key) ?? new Map<string, boolean>()
      bySite.set(site, sighting.reached || bySite.get(site) === true)
      votes.set(key, bySite)
    }
  }
  return new Map(
    [...votes].map(([key, bySite]) => {
      const failing = [...bySite.values()].filter((reached) => !reached).length
      return [key, { sites: bySite.size, failing }]
    }),
  )
}

export function viewKey({ site, node }: NodeName, service: string): string {
  return `${site}/${node}/${service}`
}
