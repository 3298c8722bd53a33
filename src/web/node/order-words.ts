import type { FleetStatus } from '../../control/fleet-status.ts'
import type { Configured } from '../../control/page/page-state.ts'
import type { NodeStatus } from '../../control/status.ts'
import { count } from '../../text/count.ts'
import { lasting, listed } from '../words.ts'
import type { Level } from './verdict.ts'

type Service = NodeStatus['services'][number]

export interface Consequence {
  readonly service: string
  readonly level: Level
  readonly text: string
}

/** What an order to drain does to each service, as far as this page knows now. `fleet`: `null` without a store. */
export function consequencesOfDrain(
  { node, services, store }: NodeStatus,
  fleet: FleetStatus | null,
  configured: Configured | null,
): Consequence[] {
  return services.map((service) => {
    const now = announcedNow(service)
    const known = configured?.services.find(({ name }) => name === service.name)
    const steps =
      known === undefined || known.drain.limitMs > 0
        ? `It is announced degraded, and withdrawn when its clients have gone${known === undefined ? '' : `, at the latest after ${lasting(known.drain.limitMs)}`}`
        : 'It is withdrawn at once'
    if (store === null) {
      return {
        service: service.name,
        level: 'planned',
        text: `${now}. ${steps}. No permit is needed: the fleet has no store`,
      }
    }
    const permit = permitNow(service, node, fleet)
    return { service: service.name, level: permit.level, text: `${now}. ${steps}. ${permit.text}` }
  })
}

export function consequencesOfUndrain(
  { services }: NodeStatus,
  configured: Configured | null,
): Consequence[] {
  return services.map((service) => {
    const { name, health } = service
    const known = configured?.services.find((one) => one.name === name)
    const degraded =
      known !== undefined && known.drain.undrainMs > 0
        ? `, degraded for the first ${lasting(known.drain.undrainMs)}`
        : ''
    const text =
      health === 'healthy'
        ? `${announcedNow(service)}. It is healthy, and is announced again${degraded}`
        : `${announcedNow(service)}. It is ${health}: it is announced again only when it is healthy`
    return { service: name, level: health === 'healthy' ? 'planned' : 'warn', text }
  })
}

/** How far an order is, by what the controller says. */
export function progressOf(
  { services, daemon }: NodeStatus,
  intent: 'drain' | 'serve',
): { isDone: boolean; lines: string[] } {
  const lines = services.map(({ name, drain, decision, reason, announced }) => {
    const stage = drain.stage === 'none' ? `${decision} (${reason})` : drain.stage
    const why =
      drain.stage === 'degrading' && drain.waitingFor !== null ? `, waits for ${drain.waitingFor}` : ''
    const to = new Set(announced.map(({ neighbor }) => neighbor)).size
    return `${name}: ${stage}${why}; announced to ${count(to, 'neighbor')}`
  })
  const isDone =
    daemon.verified &&
    services.every(({ drain, announced }) =>
      intent === 'drain' ? drain.stage === 'drained' && announced.length === 0 : drain.stage === 'none',
    )
  return { isDone, lines }
}

function announcedNow({ announced }: Service): string {
  if (announced.length === 0) return 'Announced to no neighbor now'
  const names = [...new Set(announced.map(({ neighbor }) => neighbor))]
  return `Announced to ${names.length > 3 ? count(names.length, 'neighbor') : listed(names)} now`
}

/** What the store would answer to this node, by what the others last said: as judgeRequest of src/fleet decides. */
function permitNow(
  { name, permit }: Service,
  self: string,
  fleet: FleetStatus | null,
): Omit<Consequence, 'service'> {
  if (permit?.held) return { level: 'planned', text: 'This node has the permit to withdraw' }
  const required = fleet?.minSites.find(({ service }) => service === name)?.minSites
  if (fleet === null || fleet.store.ok !== true || required === undefined)
    return { level: 'warn', text: 'Whether the store permits it is not known now' }
  const absent = new Set(fleet.permits.flatMap(({ service, node }) => (service === name ? [node] : [])))
  const sites = new Set(
    fleet.nodes.flatMap(({ site, node, stale, services }) => {
      if (node === self || stale || absent.has(node)) return []
      return services.some((one) => one.name === name && one.well === true) ? [site] : []
    }),
  )
  const others = `Without this node, ${count(sites.size, 'site')} ${sites.size === 1 ? 'serves' : 'serve'} it${sites.size === 0 ? '' : ` (${shortened([...sites])})`}, and ${required} must remain`
  if (sites.size >= required)
    return { level: 'planned', text: `${others}: the permit to withdraw would be granted now` }
  return {
    level: 'bad',
    text: `${others}: the permit to withdraw would be REFUSED now, and the service stays announced here, degraded, until enough others serve`,
  }
}

function shortened(sites: readonly string[]): string {
  return sites.length <= 5 ? listed(sites) : `${sites.slice(0, 4).join(', ')} and ${sites.length - 4} more`
}
