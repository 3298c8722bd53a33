import type { FleetStatus } from '../../control/fleet-status.ts'
import { count } from '../../text/count.ts'
import { type Level, order, stateOf } from '../node/verdict.ts'
import { lasting, listed } from '../words.ts'
import { findTakeovers, type ServiceTakeover } from './takeover.ts'

type Node = FleetStatus['nodes'][number]

/** A service of a node, as a row of the table. */
export interface FleetRow {
  readonly key: string
  readonly site: string
  readonly node: string
  readonly service: string
  readonly level: Level
  readonly state: string
  /** What it announces to whom, as the node observes it. */
  readonly announced: string
  /** Else `null`. */
  readonly otherSites: string | null
  readonly serial: string
  /** What the node last said is that old; `null`: it is current. */
  readonly silent: string | null
}

export interface FleetVerdict {
  readonly level: Level
  readonly sentence: string
  /** For each service how many sites announce it; empty while the store does not answer. */
  readonly services: readonly { readonly name: string; readonly level: Level; readonly text: string }[]
  /** The worst first, those that are well left out. */
  readonly wrong: readonly FleetRow[]
  readonly well: readonly FleetRow[]
  readonly findings: readonly string[]
  readonly takeovers: readonly ServiceTakeover[]
}

/** Clocks that differ by more make times in logs misleading. */
const clockLimitMs = 2000

export function judgeFleet(fleet: FleetStatus): FleetVerdict {
  const rows = fleet.nodes.flatMap((node) => rowsOf(node, fleet.store.ok === true))
  const wrong = rows
    .filter(({ level }) => level !== 'ok')
    .toSorted((a, b) => order.indexOf(b.level) - order.indexOf(a.level))
  const services = fleet.store.ok ? judgeServices(rows) : []
  const takeovers = findTakeovers(fleet)
  const findings = [...hanging(takeovers), ...findAll(fleet)]
  const levels = [...wrong, ...services].map(({ level }) => order.indexOf(level))
  const level = order[Math.max(findings.length > 0 ? order.indexOf('warn') : 0, ...levels)]!
  const well = rows.filter((row) => row.level === 'ok')
  return { level, sentence: sentenceOf(fleet, wrong), services, wrong, well, findings, takeovers }
}

/** Where the loss of one more site is an outage, or leaves degraded routes only. */
function hanging(takeovers: readonly ServiceTakeover[]): string[] {
  return takeovers.flatMap(({ level, sentence }) => (level === 'warn' ? [sentence] : []))
}

function sentenceOf({ store, nodes }: FleetStatus, wrong: readonly FleetRow[]): string {
  // All beats stand still then: of the nodes it says nothing.
  if (store.ok === null) return 'The fleet is not known yet: the store has not answered'
  if (!store.ok) return 'The fleet is not known now: the store does not answer this node'
  if (nodes.length === 0) return 'No node is known yet'
  const amount = new Set(wrong.map(({ site, node }) => `${site}/${node}`)).size
  const isOne = amount === 1
  if (amount === 0) {
    return nodes.length === 1
      ? 'The only node of the fleet serves'
      : `All ${nodes.length} nodes of the fleet serve`
  }
  const isOrdered = wrong.every(({ level }) => level === 'planned')
  const how = isOrdered ? 'normally, by order' : `as ${isOne ? 'it' : 'they'} should`
  return `${amount} of ${count(nodes.length, 'node')} ${isOne ? 'does' : 'do'} not serve ${how}: ${namesOf(wrong)}`
}

function namesOf(rows: readonly FleetRow[]): string {
  const names = [...new Set(rows.map(({ site, node }) => `${node} at ${site}`))]
  return names.length <= 3 ? listed(names) : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`
}

/** @param isKnown whether the store answers: if not, each node is silent, and may serve */
function rowsOf(node: Node, isKnown: boolean): FleetRow[] {
  const { site, services, stale, ageMs } = node
  const silent = isKnown ? 'bad' : 'warn'
  const base = {
    ...{ site, node: node.node, serial: node.serial === null ? '' : String(node.serial) },
    silent: stale ? `silent for ${lasting(ageMs)}` : null,
  }
  const key = `${site}/${node.node}`
  if (services.length === 0) {
    const state = stale ? 'silent, nothing is known of it' : 'says nothing that can be read'
    return [{ ...base, key, service: '', level: silent, state, announced: '', otherSites: null }]
  }
  return services.map((service) => {
    const { remote, well } = service
    const { level, state } = stateOf(service, well !== false)
    const isCutOff = remote !== null && remote.failing * 2 > remote.sites
    return {
      ...base,
      key: `${key} ${service.name}`,
      service: service.name,
      level: stale ? silent : isCutOff && level === 'ok' ? 'warn' : level,
      state: stale
        ? `silent, last known: ${state}`
        : isCutOff
          ? `${state}, but out of reach of other sites`
          : state,
      announced: describeAnnounced(service.announced),
      otherSites: remote === null ? null : `${remote.sites - remote.failing} of ${remote.sites} reach it`,
    }
  })
}

/** `192.0.2.0/24 to transit1, tor1`, the same neighbors once. */
function describeAnnounced(announced: Node['announced']): string {
  const byNeighbors = new Map<string, string[]>()
  for (const prefix of new Set(announced.map((one) => one.prefix))) {
    const neighbors = announced
      .filter((one) => one.prefix === prefix)
      .map(({ neighbor, degraded }) => (degraded ? `${neighbor} (degraded)` : neighbor))
      .join(', ')
    byNeighbors.set(neighbors, [...(byNeighbors.get(neighbors) ?? []), prefix])
  }
  if (byNeighbors.size === 0) return 'nothing'
  return [...byNeighbors].map(([neighbors, prefixes]) => `${prefixes.join(', ')} to ${neighbors}`).join('; ')
}

function judgeServices(rows: readonly FleetRow[]): FleetVerdict['services'] {
  const names = [...new Set(rows.flatMap(({ service }) => (service === '' ? [] : [service])))].sort()
  const siteOf = (found: readonly FleetRow[]) => new Set(found.map(({ site }) => site)).size
  return names.map((name) => {
    const of = rows.filter(({ service }) => service === name)
    const announcing = siteOf(
      of.filter(({ silent, announced }) => silent === null && announced !== 'nothing'),
    )
    const normally = siteOf(of.filter(({ level }) => level === 'ok'))
    const all = siteOf(of)
    const rest = announcing === normally ? '' : `, ${normally} of them normally`
    const level = announcing === 0 ? 'bad' : normally === 0 ? 'warn' : 'ok'
    return { name, level, text: `${name}: announced at ${announcing} of ${count(all, 'site')}${rest}` }
  })
}

function findAll({ store, nodes, time }: FleetStatus): string[] {
  const age = lasting(Date.parse(time) - Date.parse(store.since))
  return [
    ...(store.ok === false
      ? [`the store does not answer for ${age}, and all of this is old: ${store.problem}`]
      : []),
    ...(store.ok === null ? ['the store has not answered yet: this controller has just started'] : []),
    ...nodes.flatMap(({ node, clockAheadMs }) =>
      clockAheadMs === null || Math.abs(clockAheadMs) <= clockLimitMs
        ? []
        : [
            `the clock of ${node} is ${lasting(Math.abs(clockAheadMs))} ${clockAheadMs > 0 ? 'ahead of' : 'behind'} most others`,
          ],
    ),
  ]
}
