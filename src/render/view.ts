import { type Family, families, type Prefix } from '../net/prefix.ts'
import { prefixesOf } from '../planner/compile.ts'
import { kindPolicies } from '../planner/kinds.ts'
import type { NodePlan, SessionPlan } from '../planner/plan.ts'
import { originators } from './announcements.ts'
import { secretToken } from './secret-token.ts'

/** Seconds. Without BFD these decide how long a crashed node's routes live (RFC 4271, section 10). */
const timers = { holdTimeS: 90, keepaliveTimeS: 30, connectDelayS: 1, connectRetryS: 5 } as const

const defaultRoutes = { ipv4: '0.0.0.0/0', ipv6: '::/0' } as const
const digits = { ipv4: '4', ipv6: '6' } as const

/** What templates/bird/bird.conf.hbs shows. */
export function viewForBird(node: NodePlan) {
  const { announceFile } = node.layout.paths
  return {
    site: node.site,
    node: node.node,
    asn: node.asn,
    routerId: node.routerId,
    logLine:
      node.layout.logFile === null
        ? 'log syslog { info, remote, warning, error, auth, fatal, bug };'
        : `log "${node.layout.logFile}" all;`,
    announceGlob: announceFile === null ? '' : globOf(announceFile),
    direct: node.sessions.some((session) => session.kind === 'ibgp' && session.import !== 'nothing'),
    bfd: node.sessions.some((session) => session.bfd !== null),
    families: familiesOf(node).map((family) => ({
      channel: family,
      digit: digits[family],
      defaultRoute: defaultRoutes[family],
      originator: originators[family],
      covering: coveringOf(node, family).join(', '),
    })),
    sessions: node.sessions.map((session) => ({
      ...sharedView(session),
      localAddress: session.localAddress === null ? '' : ` ${session.localAddress}`,
      channel: session.family,
      originator: originators[session.family],
      exports: session.exports.join(', '),
    })),
  }
}

/** What templates/frr/frr.conf.hbs shows. */
export function viewForFrr(node: NodePlan) {
  const sessions = node.sessions.map((session) => ({
    ...sharedView(session),
    command: commandOf(session.family),
    localAddress: session.localAddress?.toString() ?? '',
    exports: session.exports.map((prefix, index) => ({
      command: commandOf(session.family),
      list: `${session.symbol}-out`,
      seq: (index + 1) * 5,
      prefix: prefix.toString(),
    })),
  }))
  return {
    site: node.site,
    node: node.node,
    asn: node.asn,
    routerId: node.routerId,
    logLine:
      node.layout.logFile === null
        ? 'log syslog informational'
        : `log file ${node.layout.logFile} informational`,
    coverings: familiesOf(node).flatMap((family) =>
      coveringOf(node, family).map((prefix) => ({ command: commandOf(family), prefix: prefix.toString() })),
    ),
    families: familiesOf(node).map((family) => ({
      family,
      command: commandOf(family),
      defaultRoute: defaultRoutes[family],
      sessions: sessions.filter((session) => session.family === family),
    })),
    sessions,
    profiles: node.sessions.flatMap((session) =>
      session.bfd === null ? [] : [{ symbol: session.symbol, ...session.bfd }],
    ),
  }
}

function sharedView(session: SessionPlan) {
  return {
    ...timers,
    neighbor: session.neighbor,
    symbol: session.symbol,
    kind: session.kind,
    description: session.description,
    asn: session.asn,
    address: session.address.toString(),
    family: session.family,
    internal: kindPolicies[session.kind].internal,
    importDefault: session.import === 'default-only',
    defaultRoute: defaultRoutes[session.family],
    noExport: session.exportNoExport,
    gtsm: session.gtsm,
    bfd: session.bfd,
    password: session.passwordFile === null ? '' : secretToken(session.passwordFile),
  }
}

/**
 * A glob that matches just that file: BIRD refuses to start over a missing include file, unless a glob
 * found nothing.
 */
function globOf(file: string): string {
  return `${file.slice(0, -1)}[${file.slice(-1)}]`
}

function commandOf(family: Family): string {
  return family === 'ipv4' ? 'ip' : 'ipv6'
}

function familiesOf(node: NodePlan): Family[] {
  const prefixes = prefixesOf(node.services, true)
  return families.filter(
    (family) =>
      node.sessions.some((session) => session.family === family) ||
      prefixes.some((prefix) => prefix.family === family),
  )
}

function coveringOf(node: NodePlan, family: Family): Prefix[] {
  return prefixesOf(node.services, false).filter((prefix) => prefix.family === family && !prefix.isHost)
}
