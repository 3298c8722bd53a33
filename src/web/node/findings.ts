import type { NodeStatus } from '../../control/status.ts'
import { count } from '../../text/count.ts'

/** Something that is wrong on the node, beside its services. */
export interface Finding {
  readonly level: 'warn' | 'bad'
  readonly text: string
  readonly todo: string | null
  /** A file of docs/runbooks, without its ending. */
  readonly runbook: string
}

const clockLimitMs = 1000

/** What `anyward status` reports too. */
export function findAll(status: NodeStatus): Finding[] {
  return [
    ...ofDaemon(status),
    ...ofNeighbors(status),
    ...ofHelpers(status),
    ...ofRescue(status),
    ...ofOtherSites(status),
  ]
}

function warn(runbook: string, text: string, todo: string | null = null): Finding {
  return { level: 'warn', runbook, text, todo }
}

function ofDaemon({ daemon, heldAddresses }: NodeStatus): Finding[] {
  const found: Finding[] = heldAddresses.map((address) => ({
    level: 'bad',
    runbook: 'addresses-removed',
    text: `${address} is removed from this node, because the daemon does not withdraw the routes of a dead service`,
    todo: 'restart or stop the routing daemon',
  }))
  if (daemon.trouble !== null) {
    const { cause, message } = daemon.trouble
    const runbook = runbookOfDaemon(cause)
    found.push({
      level: 'bad',
      runbook,
      text: `${daemon.kind}: ${message} (${cause})`,
      todo: cureOf(daemon.kind, cause),
    })
  }
  if (daemon.savedAnnouncements.length > 0) {
    const text = 'announcements are saved in the files of FRR, and outlive the controller'
    found.push(warn('saved-announcements', text, 'as root: `anyward apply --clean`'))
  }
  return found
}

export function runbookOfDaemon(cause: string): string {
  return cause === 'not-running' ? 'routing-daemon-down' : 'routing-errors'
}

export function cureOf(kind: string, cause: string): string {
  if (cause === 'not-running') return `\`systemctl start ${kind}\``
  if (cause === 'timeout') return `it is stopped or stuck: \`systemctl restart ${kind}\``
  if (cause === 'drift') return 'another program changed the announcements; the controller corrects it'
  return `\`journalctl -u ${kind}\`, and \`anyward doctor\` as root`
}

function ofNeighbors({ neighbors, daemon }: NodeStatus): Finding[] {
  // No session is up without the daemon.
  if (daemon.trouble?.cause === 'not-running') return []
  return neighbors.flatMap(({ name, session, bfd }) => {
    const found: Finding[] = []
    if (session === 'down') {
      const todo = 'the link, the neighbor, or its configuration'
      found.push(warn('bgp-session-down', `the BGP session to ${name} is down`, todo))
    }
    if (session === 'missing') {
      const todo = '`anyward apply` installs the configuration of the bundle'
      found.push(warn('bgp-session-down', `${daemon.kind} has no session to ${name}`, todo))
    }
    if (bfd?.problem) found.push(warn('bfd-session-down', bfd.problem))
    return found
  })
}

function ofHelpers({ guard, store }: NodeStatus): Finding[] {
  const found: Finding[] = []
  if (guard?.holding === false) {
    const why = guard.problem ?? 'the guard does not answer'
    found.push(warn('guard-not-holding', `not guarded: ${why}`, '`journalctl -u anyward-guard`'))
  }
  if (store?.ok === false) {
    const text = `the store does not answer, and this node decides alone: ${store.problem}`
    found.push(warn('store-unreachable', text, 'the members of the store, and the way to them'))
  }
  return found
}

function ofRescue({ rescue }: NodeStatus): Finding[] {
  if (rescue === null) return []
  const found: Finding[] = []
  const { problem, strays, nodes } = rescue
  if (problem !== null) found.push(warn('rescue-down', `the roster of this node is not shared: ${problem}`))
  if (strays?.problem) {
    found.push(warn('stray-watch-down', `packets of sessions at other sites are not seen: ${strays.problem}`))
  }
  for (const other of nodes) {
    if (other.up === false) {
      const why = other.problem === null ? '' : `: ${other.problem}`
      found.push(warn('roster-stream-down', `no roster stream of ${other.node}${why}`))
    }
    const { skewMs } = other
    if (skewMs === null || Math.abs(skewMs) <= clockLimitMs) continue
    const [by, way] = [(Math.abs(skewMs) / 1000).toFixed(1), skewMs > 0 ? 'ahead of' : 'behind']
    const text = `the clock of ${other.node} is ${by} s ${way} this one`
    found.push(warn('clock-skew', text, '`chronyc tracking` on both nodes'))
  }
  return found
}

function ofOtherSites({ services }: NodeStatus): Finding[] {
  return services.flatMap(({ name, health, remote }) => {
    if (remote === null || remote.failing * 2 <= remote.sites || health === 'unhealthy') return []
    const text = `${remote.failing} of ${count(remote.sites, 'site')} that probe ${name} do not reach it, although its own probe is good`
    return [warn('remote-unreachable', text, 'a firewall, the uplink, or the route to the node')]
  })
}
