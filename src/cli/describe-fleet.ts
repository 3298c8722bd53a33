import type { FleetStatus } from '../control/fleet-status.ts'
import { describeRemote, isCutOff } from '../fleet/exchange/remote-view.ts'
import { count, countMany } from '../text/count.ts'
import { withoutControls } from '../text/wording.ts'
import { formatAge } from './format-time.ts'
import { type Paint, plain } from './terminal/color.ts'

type Node = FleetStatus['nodes'][number]
type Service = Node['services'][number]

/** Clocks that differ by more make times in logs misleading. */
const clockLimitMs = 2000

/** Whether every node is current, healthy and announces, and no register has a node. */
export function isFleetFine({ store, nodes, permits }: FleetStatus): boolean {
  return store.ok === true && permits.length === 0 && nodes.length > 0 && nodes.every((node) => isFine(node))
}

function isFine(node: Node): boolean {
  return !node.stale && !hasOtherClock(node) && node.services.length > 0 && node.services.every(isFineService)
}

function isFineService(service: Service): boolean {
  return isServing(service) && !isCutOff(service)
}

function isServing({ health, decision, announced }: Service): boolean {
  return (
    health === 'healthy' &&
    decision === 'announce' &&
    announced.length > 0 &&
    announced.every(({ degraded }) => !degraded)
  )
}

function hasOtherClock({ clockAheadMs }: Node): boolean {
  return clockAheadMs !== null && Math.abs(clockAheadMs) > clockLimitMs
}

/** For a person: what is wrong first, then a row for each service of each node. */
export function describeFleetStatus(found: FleetStatus, paint: Paint = plain): string[] {
  const status = withoutControls(found)
  const { nodes, permits } = status
  const lines = [
    `the fleet as ${status.node} at ${status.site} sees it, ${status.time.slice(0, 19).replace('T', ' ')} UTC`,
    ...describeStore(status),
    ...describeServices(status),
    '',
    ...table(nodes.flatMap(rowsOf), paint),
    ...(permits.length === 0 ? [] : ['', ...permits.map(describePermit)]),
    ...nodes.flatMap(describeCutOff),
    ...nodes.filter(hasOtherClock).map(describeClock),
  ]
  return lines.map((line) => (line.startsWith('!') ? `${paint('!')}${line.slice(1)}` : line))
}

function describeStore({ store, time }: FleetStatus): string[] {
  if (store.ok === true) return []
  if (store.ok === null) return ['! the store has not answered yet: this controller has just started']
  const age = formatAge(Date.parse(time) - Date.parse(store.since))
  return [
    `! THE STORE DOES NOT ANSWER ${formatSince(store.since)}, for ${age}: what follows is the last that is known`,
    `  ${store.problem}`,
  ]
}

function formatSince(since: string): string {
  return `since ${since.slice(0, 19).replace('T', ' ')} UTC`
}

/** How many sites serve each service now; without the store, how many did. */
function describeServices({ store, nodes }: FleetStatus): string[] {
  const names = [...new Set(nodes.flatMap(({ services }) => services.map(({ name }) => name)))].sort()
  return names.map((name) => {
    const of = nodes.filter(({ services }) => services.some((service) => service.name === name))
    const serving = of.filter(
      ({ stale, services }) =>
        (!stale || !store.ok) && services.some((service) => service.name === name && isServing(service)),
    )
    const sites = (found: readonly Node[]) => new Set(found.map(({ site }) => site)).size
    const mark = sites(serving) === sites(of) ? ' ' : '!'
    const verb = store.ok ? 'announce' : 'announced'
    return `${mark} ${name}: ${sites(serving)} of ${count(sites(of), 'site')} ${verb} normally`
  })
}

const header = ['', 'SITE', 'NODE', 'AGE', 'SERVICE', 'HEALTH', 'DECISION', 'REASON', 'ANNOUNCED', 'BUNDLE']

function rowsOf(node: Node): string[][] {
  const age = node.stale ? `STALE ${formatAge(node.ageMs)}` : formatAge(node.ageMs)
  const serial = node.serial === null ? '-' : String(node.serial)
  const start = (fine: boolean) => [fine ? '' : '!', node.site, node.node, age]
  if (node.services.length === 0)
    return [[...start(false), '-', '-', '-', 'says nothing that can be read', '-', serial]]
  return node.services.map((service) => [
    ...start(!node.stale && isFineService(service)),
    ...[service.name, service.health, service.decision, service.reason],
    ...[describeAnnounced(service.announced), serial],
  ])
}

function describeAnnounced(announced: Service['announced']): string {
  if (announced.length === 0) return 'nothing'
  const prefixes = new Set(announced.map(({ prefix }) => prefix)).size
  const neighbors = new Set(announced.map(({ neighbor }) => neighbor)).size
  const degraded = announced.some((one) => one.degraded) ? ', degraded' : ''
  return `${countMany(prefixes, 'prefix', 'prefixes')} at ${count(neighbors, 'neighbor')}${degraded}`
}

function table(rows: readonly (readonly string[])[], paint: Paint): string[] {
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  return all.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell : paint(cell)) + ' '.repeat(widths[column]! - cell.length))
      .join('  ')
      .trimEnd(),
  )
}

const causes = {
  permit: 'with a permit',
  fact: 'without one, by a fact',
  order: 'without one, by an order',
} as const

function describePermit({
  service,
  site,
  node,
  since,
  reason,
  cause,
}: FleetStatus['permits'][number]): string {
  const when = since === null ? '' : `, ${formatSince(since)}`
  return `${service}: ${node} at ${site} is withdrawn, or may withdraw${when}: ${reason} (${causes[cause]})`
}

function describeCutOff({ site, node, services }: Node): string[] {
  return services
    .filter(isCutOff)
    .map(
      ({ name, remote }) =>
        `! ${name} of ${node} at ${site} is out of reach: ${describeRemote(remote!)}, although its own probe is good`,
    )
}

function describeClock({ site, node, clockAheadMs }: Node): string {
  const by = formatAge(Math.abs(clockAheadMs!))
  return `! the clock of ${node} at ${site} is ${by} ${clockAheadMs! > 0 ? 'ahead of' : 'behind'} the others: set it, for example with chrony`
}
