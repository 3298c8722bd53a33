import type { Configured } from '../control/page/page-state.ts'
import type { NodeStatus } from '../control/status.ts'
import { adviseOn } from './advice.ts'
import { counted, listed } from './words.ts'

type Service = NodeStatus['services'][number]

/**
 * `ok`: as it should be. `planned`: by order, or by the calendar. `warn`: it serves, but something is wrong. `bad`: it
 * does not serve here, or the neighbors have something else than was decided.
 */
export type Level = 'ok' | 'planned' | 'warn' | 'bad'

/** The worse, the later. */
const order: readonly Level[] = ['ok', 'planned', 'warn', 'bad']

export interface ServiceVerdict {
  readonly name: string
  readonly level: Level
  /** Some words, such as `announced, degraded`. */
  readonly state: string
  /** Why, as a sentence. */
  readonly why: string
  readonly todo: readonly string[]
}

export interface Finding {
  readonly level: 'warn' | 'bad'
  readonly text: string
  readonly todo: string | null
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
  const rest = findings.length === 0 ? '' : `; ${counted(findings.length, 'other problem')} on the node`
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
  return names.length <= 3 ? listed(names) : counted(names.length, 'service')
}

function judgeService(service: Service, status: NodeStatus, configured: Configured | null): ServiceVerdict {
  const { name, detail } = service
  const todo = adviseOn(service, configured)
  const { level, state } = stateOf(service, status)
  return {
    name,
    level,
    state,
    why: detail,
    todo: level === 'ok' ? [] : [...todo, ...alsoDo(service, status)],
  }
}

/** Where no neighbor has a healthy service, the fault is not the endpoint's. */
function alsoDo({ decision, announced }: Service, { neighbors, daemon }: NodeStatus): string[] {
  if (announced.length > 0 || (decision !== 'announce' && decision !== 'degrade')) return []
  const down = neighbors.filter(({ session }) => session !== 'up')
  if (daemon.trouble !== null) return [`the routing daemon: ${daemon.trouble.message}`]
  if (down.length === neighbors.length)
    return ['no session is up: the links to the neighbors, or the routing daemon']
  return []
}

function stateOf(
  { decision, reason, announced }: Service,
  { daemon }: NodeStatus,
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
  return daemon.verified
    ? { level: 'ok', state: 'announced' }
    : { level: 'warn', state: 'announced, but not all neighbors have what was decided' }
}

/** What `anyward status` reports too. */
function findAll(status: NodeStatus): Finding[] {
  const { daemon, guard, neighbors, store, rescue, heldAddresses } = status
  const found: Finding[] = []
  const add = (level: Finding['level'], text: string, todo: string | null = null) => {
    found.push({ level, text, todo })
  }
  if (daemon.trouble !== null) {
    add('bad', `${daemon.kind}: ${daemon.trouble.message} (${daemon.trouble.cause})`, cureOfDaemon(daemon))
  }
  for (const { name, session, bfd } of neighbors) {
    if (session === 'down')
      add('warn', `the BGP session to ${name} is down`, 'the link, the neighbor, or its configuration')
    if (session === 'missing') {
      add(
        'warn',
        `${daemon.kind} has no session to ${name}`,
        '`anyward apply` installs the configuration of the bundle',
      )
    }
    if (bfd?.problem) add('warn', bfd.problem)
  }
  if (guard?.holding === false) {
    add(
      'warn',
      `not guarded: ${guard.problem ?? 'the guard does not answer'}`,
      '`journalctl -u anyward-guard`',
    )
  }
  if (store?.ok === false) {
    add(
      'warn',
      `the store does not answer, and this node decides alone: ${store.problem}`,
      'the members of the store, and the way to them',
    )
  }
  for (const address of heldAddresses) {
    add(
      'bad',
      `${address} is removed from this node, because the daemon does not withdraw the routes of a dead service`,
      'restart or stop the routing daemon',
    )
  }
  if (daemon.savedAnnouncements.length > 0) {
    add(
      'warn',
      'announcements are saved in the files of FRR, and outlive the controller',
      'as root: `anyward apply --clean`',
    )
  }
  if (rescue?.problem) add('warn', `the roster of this node is not shared: ${rescue.problem}`)
  if (rescue?.strays?.problem)
    add('warn', `packets of sessions at other sites are not seen: ${rescue.strays.problem}`)
  for (const { node, up, skewMs, problem } of rescue?.nodes ?? []) {
    if (up === false) add('warn', `no roster stream of ${node}${problem === null ? '' : `: ${problem}`}`)
    if (skewMs !== null && Math.abs(skewMs) > 1000) {
      const [by, way] = [(Math.abs(skewMs) / 1000).toFixed(1), skewMs > 0 ? 'ahead of' : 'behind']
      add('warn', `the clock of ${node} is ${by} s ${way} this one`, '`chronyc tracking` on both nodes')
    }
  }
  for (const { name, health, remote } of status.services) {
    if (remote === null || remote.failing * 2 <= remote.sites || health === 'unhealthy') continue
    add(
      'warn',
      `${remote.failing} of ${counted(remote.sites, 'site')} that probe ${name} do not reach it, although its own probe is good`,
      'a firewall, the uplink, or the route to the node',
    )
  }
  return found
}

function cureOfDaemon(daemon: NodeStatus['daemon']): string {
  const { kind } = daemon
  const cause = daemon.trouble?.cause
  const unit = kind === 'bird' ? 'bird' : 'frr'
  if (cause === 'not-running') return `\`systemctl start ${unit}\``
  if (cause === 'timeout') return `it is stopped or stuck: \`systemctl restart ${unit}\``
  if (cause === 'drift') return 'another program changed the announcements; the controller corrects it'
  return `\`journalctl -u ${unit}\`, and \`anyward doctor\` as root`
}
