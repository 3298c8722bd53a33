import type { Configured } from '../../control/page/page-state.ts'
import type { NodeStatus } from '../../control/status.ts'
import { count } from '../../text/count.ts'
import { listed } from '../words.ts'
import { adviseOn } from './advice.ts'
import { cureOf, type Finding, findAll, runbookOfDaemon } from './findings.ts'

type Service = NodeStatus['services'][number]

/**
 * `ok`: as it should be. `planned`: by order, or by the calendar. `warn`: it serves, but something is wrong. `bad`: it
 * does not serve here, or the neighbors have something else than was decided.
 */
export type Level = 'ok' | 'planned' | 'warn' | 'bad'

/** The worse, the later. */
export const order: readonly Level[] = ['ok', 'planned', 'warn', 'bad']

export interface ServiceVerdict {
  readonly name: string
  readonly level: Level
  /** Some words, such as `announced, degraded`. */
  readonly state: string
  /** Why, as a sentence. */
  readonly why: string
  readonly todo: readonly string[]
  /** A file of docs/runbooks, without its ending. */
  readonly runbook: string | null
}

export interface Verdict {
  readonly level: Level
  /** Whether this node serves, in a sentence without times: a screen reader speaks it when it changes. */
  readonly sentence: string
  /** The worst first. */
  readonly services: readonly ServiceVerdict[]
  /** What else is wrong on the node, the worst first. */
  readonly findings: readonly Finding[]
}

const byOrder = new Set([
  'drained',
  'operator-withdrew',
  'draining',
  'returning',
  'stopping',
  'stopping-keep',
])

export function judge(status: NodeStatus, configured: Configured | null): Verdict {
  const services = status.services
    .map((service) => judgeService(service, status, configured))
    .toSorted((a, b) => order.indexOf(b.level) - order.indexOf(a.level))
  const findings = findAll(status).toSorted((a, b) => order.indexOf(b.level) - order.indexOf(a.level))
  const levels = [...services, ...findings].map(({ level }) => order.indexOf(level))
  const level = order[Math.max(0, ...levels)]!
  return { level, services, findings, sentence: sentenceOf(status, services, findings) }
}

function sentenceOf(
  { node, services: all }: NodeStatus,
  services: readonly ServiceVerdict[],
  findings: readonly Finding[],
): string {
  const announced = new Set(all.flatMap(({ name, announced }) => (announced.length > 0 ? [name] : [])))
  const those = services.filter(({ level }) => level !== 'ok')
  const away = those.filter(({ name }) => !announced.has(name))
  const rest = findings.length === 0 ? '' : `; ${count(findings.length, 'other problem')} on the node`
  if (all.length === 0) return `${node} has no service to announce${rest}`
  if (away.length > 0) {
    const [first] = away
    const words = away.length === 1 ? `: ${first!.state}` : ''
    if (away.length < all.length) return `${node} does not serve ${namesOf(away)}${words}${rest}`
    return `${node} does not serve${all.length === 1 ? ` ${first!.name}` : ' any service'}${words}${rest}`
  }
  if (those.length > 0) {
    const [first] = those
    const words = those.length === 1 ? `: ${first!.state}` : ', but not as it should'
    return `${node} announces ${namesOf(those)}${words}${rest}`
  }
  return `${node} serves ${namesOf(services)}${rest}`
}

function namesOf(services: readonly ServiceVerdict[]): string {
  const names = services.map(({ name }) => name)
  return names.length <= 3 ? listed(names) : count(names.length, 'service')
}

function judgeService(service: Service, status: NodeStatus, configured: Configured | null): ServiceVerdict {
  const { name, detail, decision, reason, announced } = service
  const { level, state } = stateOf(service, status.daemon.verified)
  if (level === 'ok') return { name, level, state, why: detail, todo: [], runbook: null }
  const todo = adviseOn(service, configured)
  if (level === 'planned') {
    return { name, level, state, why: `${detail}${byWhom(reason, status)}`, todo, runbook: null }
  }
  if (announced.length > 0 || decision === 'withdraw' || decision === 'hold') {
    return { name, level, state, why: detail, todo, runbook: runbookOf(service) }
  }
  // The fault is not the endpoint's.
  const cause = causeOfSilence(status)
  return {
    name,
    level,
    state,
    why: `${detail}, but ${cause.why}`,
    todo: [...todo, cause.todo],
    runbook: cause.runbook,
  }
}

function byWhom(reason: string, { operator }: NodeStatus): string {
  if (operator.source === null || reason.startsWith('stopping')) return ''
  const name = operator.by === null ? '' : ` ${operator.by}`
  return `; ordered by the ${operator.source}${name}${operator.reason === null ? '' : `: ${operator.reason}`}`
}

/** Why no neighbor has what is to be announced. */
function causeOfSilence({ neighbors, daemon }: NodeStatus) {
  if (daemon.trouble !== null) {
    const { cause, message } = daemon.trouble
    const why = `the routing daemon fails: ${message}`
    return { why, todo: cureOf(daemon.kind, cause), runbook: runbookOfDaemon(cause) }
  }
  if (neighbors.every(({ session }) => session !== 'up')) {
    const todo = 'the links to the neighbors, or the neighbors'
    return { why: 'no BGP session is up', todo, runbook: 'bgp-session-down' }
  }
  const todo = 'wait some seconds; then `anyward doctor`'
  return { why: 'the routing daemon does not show it yet', todo, runbook: 'not-verified' }
}

function runbookOf({ decision, reason, announced, holdDown, health }: Service): string {
  if (reason === 'last-site' || reason === 'store-unreachable') return 'last-site-held'
  if (reason === 'hold-down' && holdDown.flaps >= 3) return 'flapping'
  if (decision === 'hold') return 'hold-long'
  if (decision === 'withdraw') return announced.length > 0 ? 'announced-unhealthy' : 'service-withdrawn'
  if (announced.length === 0 || (decision === 'announce' && health === 'healthy')) return 'not-verified'
  return 'service-degraded'
}

/** @param isVerified whether the neighbors have what was decided, as far as is known */
export function stateOf(
  { decision, reason, announced }: Pick<Service, 'decision' | 'reason' | 'announced'>,
  isVerified: boolean,
): Pick<ServiceVerdict, 'level' | 'state'> {
  const isAnnounced = announced.length > 0
  const isDegraded = isAnnounced && announced.every(({ degraded }) => degraded)
  const planned = byOrder.has(reason)
  if (decision === 'withdraw') {
    if (isAnnounced) return { level: 'bad', state: `still announced, although to be withdrawn (${reason})` }
    return { level: planned ? 'planned' : 'bad', state: `withdrawn (${reason})` }
  }
  if (decision === 'hold') {
    if (isAnnounced)
      return { level: planned ? 'planned' : 'warn', state: `kept announced for now (${reason})` }
    return { level: reason === 'starting' ? 'warn' : 'bad', state: `not announced for now (${reason})` }
  }
  if (!isAnnounced) return { level: 'bad', state: 'to be announced, but no neighbor has it' }
  if (decision === 'degrade')
    return { level: planned ? 'planned' : 'warn', state: `announced degraded (${reason})` }
  if (isDegraded) return { level: 'warn', state: 'still degraded at the neighbors' }
  if (reason !== 'healthy') return { level: planned ? 'planned' : 'warn', state: `announced (${reason})` }
  return isVerified
    ? { level: 'ok', state: 'announced' }
    : { level: 'warn', state: 'announced, but not all neighbors have what was decided' }
}
