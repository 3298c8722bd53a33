import type { Fleet } from '../sites/fleet.ts'
import type { Plan } from './plan.ts'

export interface ServiceCoverage {
  readonly service: string
  /** Sites that would announce the service: a covering prefix may be advertised to a neighbor of one of their nodes. */
  readonly sites: readonly string[]
  readonly missing: readonly MissingSite[]
}

export interface MissingSite {
  readonly site: string
  readonly reason: /** No node of the site has the service. */
    | 'not-served'
    /** The nodes of the site may not advertise it to any neighbor. */
    | 'told-nobody'
}

/** The sites at which each service would be announced when every endpoint is healthy. */
export function coverageOf(fleet: Fleet, plan: Plan): ServiceCoverage[] {
  const serving = new Map<string, Set<string>>()
  const announcing = new Map<string, Set<string>>()
  for (const node of plan.nodes) {
    for (const { name, covering } of node.services) {
      add(serving, name, node.site)
      const isAdvertised = covering.some((prefix) =>
        node.sessions.some(({ exports }) =>
          exports.some((exported) => exported.toString() === prefix.toString()),
        ),
      )
      if (isAdvertised) add(announcing, name, node.site)
    }
  }
  return fleet.services.map(({ name }) => {
    const sites = announcing.get(name) ?? new Set<string>()
    return {
      service: name,
      sites: [...sites],
      missing: fleet.sites.flatMap(({ name: site }): MissingSite[] =>
        sites.has(site)
          ? []
          : [{ site, reason: serving.get(name)?.has(site) === true ? 'told-nobody' : 'not-served' }],
      ),
    }
  })
}

function add(sitesByService: Map<string, Set<string>>, service: string, site: string): void {
  const sites = sitesByService.get(service)
  if (sites === undefined) sitesByService.set(service, new Set([site]))
  else sites.add(site)
}
