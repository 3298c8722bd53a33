import {
  alwaysOriginators,
  frrDegraded,
  globOf,
  instanceMark,
  originators,
} from '../../manifest/announcements.ts'
import { hasIndirectNextHops, isIndirect } from '../../manifest/indirect.ts'
import { secretToken } from '../../manifest/secret-token.ts'
import { vrfsOf } from '../../manifest/vrfs.ts'
import { type Family, families, type Prefix } from '../../net/prefix.ts'
import { prefixesOf } from '../compile/compile-plan.ts'
import type { NodePlan, SessionChannel, SessionPlan } from '../compile/plan.ts'
import { sessionTimers } from '../compile/session-timers.ts'
import { kindPolicies } from '../policy/kinds.ts'
import type { Policy } from '../policy/policy.ts'
import { bfdVrfs } from './bfd-vrfs.ts'
import { birdRules, roaTables } from './bird-rules.ts'
import { commands, type FrrList } from './frr-prefix-lists.ts'
import { frrEntries } from './frr-rules.ts'
import { collectLists, joinForBird, joinForFrr } from './rule-lists.ts'

const digits = { ipv4: '4', ipv6: '6' } as const

/** What templates/bird/bird.conf.hbs shows. */
export function viewForBird(node: NodePlan) {
  const { announceFile } = node.layout.paths
  const lists = collectLists<readonly string[]>(node.sessions, joinForBird)
  const rpki = viewRpki(node)
  const dialect = { inFunction: false, hasLastGood: rpki?.lastGood != null }
  const recursive = familiesWith(node, isRecursive)
  const sessions = node.sessions.map((session) => ({
    ...sharedView(session),
    localAs: session.localAs ?? node.asn,
    instances: `${session.symbol}${instanceMark}`,
    localAddress: session.localAddress === null ? '' : ` ${session.localAddress}`,
    role: session.role?.replace('-', '_') ?? '',
    refusesAsSets: session.channels.some((channel) => channel.import.rules.some(({ id }) => id === 'as-set')),
    channels: session.channels.map((channel) => ({
      ...channelView(session, channel),
      importRules: rulesOf(session, channel.import),
      exportRules: rulesOf(session, channel.export),
      internal: kindPolicies[session.kind].internal,
      extendsNextHops: channel.family === 'ipv4' && extendsNextHops(session),
      validated: session.validated,
      table: isRecursive(session) ? resolutionTables[channel.family] : '',
      direct: isDirect(session),
    })),
    direct: isDirect(session),
  }))
  function rulesOf(session: SessionPlan, policy: Policy) {
    return birdRules(session, policy, lists, dialect).join('\n  ')
  }
  return {
    site: node.site,
    node: node.node,
    asn: node.asn,
    ...sessionTimers,
    routerId: node.routerId,
    logLine:
      node.layout.logFile === null
        ? 'log syslog { info, remote, warning, error, auth, fatal, bug };'
        : `log "${node.layout.logFile}" all;`,
    announceGlob: announceFile === null ? '' : globOf(announceFile),
    resolved: recursive.map((family) => ({
      channel: family,
      digit: digits[family],
      table: resolutionTables[family],
    })),
    bfds: bfdVrfs(node),
    advertisedOn: interfacesOf(node),
    ...extraOf(node),
    rpki,
    lists: lists.all.map(({ name, content }) => ({ name, members: content.join(',\n  ') })),
    families: familiesOf(node).map((family) => ({
      channel: family,
      digit: digits[family],
      originator: originators[family],
      learns: recursive.includes(family),
      covering: coveringOf(node, family).join(', '),
      alwaysOriginator: alwaysOriginators[family],
      always: alwaysOf(node, family),
    })),
    sessions,
  }
}

/** What templates/frr/frr.conf.hbs shows. */
export function viewForFrr(node: NodePlan) {
  const lists = collectLists<FrrList>(node.sessions, joinForFrr)
  const rpki = viewRpki(node)
  const sessions = node.sessions.map((session) => ({
    ...sharedView(session),
    localAddress: session.localAddress?.toString() ?? '',
    // With update-source bgpd would ask for multihop BFD before the session's first connection, and wait for it.
    choosesSource: node.startsBfdFirst && isDirect(session),
    // As bgpd names the neighbor.
    peer: session.address?.toString() ?? session.interface ?? '',
    role: session.role ?? '',
    channels: session.channels.map((channel) => channelView(session, channel)),
    maps: session.channels.flatMap((channel) => [
      {
        name: `${session.symbol}-in${suffixOf(session, channel)}`,
        entries: entriesOf(session, channel.import),
      },
      {
        name: `${session.symbol}-out${suffixOf(session, channel)}`,
        entries: entriesOf(session, channel.export),
      },
    ]),
  }))
  const alwaysRoutes = familiesOf(node).flatMap((family) =>
    alwaysOf(node, family).map(({ prefix }) => ({ command: commands[family], prefix })),
  )
  const resolvedIn = (vrf: string | null) =>
    familiesWith(node, (session) => isIndirect(session) && session.vrf === vrf).map((family) => ({
      command: commands[family],
    }))
  function entriesOf(session: SessionPlan, policy: Policy) {
    return frrEntries(session, policy, lists, rpki?.lastGood != null)
  }
  return {
    site: node.site,
    node: node.node,
    asn: node.asn,
    ...sessionTimers,
    routerId: node.routerId,
    logLine:
      node.layout.logFile === null
        ? 'log syslog informational'
        : `log file ${node.layout.logFile} informational`,
    ...extraOf(node),
    coverings: coveringRoutes(node),
    always: alwaysRoutes,
    // The session itself needs a way to its neighbor, also where no route is accepted from it.
    resolved: resolvedIn(null),
    advertisedOn: interfacesOf(node),
    rpki,
    lists: lists.all.map(({ name, content: { command, entries } }) => ({
      lines: entries.map((entry, index) => `${command} ${name} seq ${(index + 1) * 5} ${entry}`).join('\n'),
    })),
    vrfs: vrfsOf(node.sessions).map((vrf) => ({
      vrf,
      coverings: coveringRoutes(node),
      always: alwaysRoutes,
      resolved: resolvedIn(vrf),
    })),
    instances: [null, ...vrfsOf(node.sessions)].map((vrf) => {
      const own = sessions.filter((session) => session.vrf === (vrf ?? ''))
      return {
        scope: vrf === null ? '' : ` vrf ${vrf}`,
        sessions: own,
        families: familiesOf(node).map((family) => ({
          family,
          always: alwaysOf(node, family),
          sessions: own.flatMap(({ channels, ...session }) =>
            channels
              .filter((channel) => channel.family === family)
              .map((channel) => ({ ...session, ...channel })),
          ),
        })),
      }
    }),
    sessions,
    degraded: frrDegraded,
    profiles: node.sessions.flatMap((session) =>
      session.bfd === null
        ? []
        : [{ symbol: session.symbol, ...session.bfd, far: session.bfd.hops === 'multi' }],
    ),
    farPeers: sessions.filter(({ bfd, localAddress }) => bfd?.hops === 'multi' && localAddress !== ''),
  }
}

/** Without the end of their last line, which the template has. */
function extraOf({ extra }: NodePlan) {
  const lines = extra.map(({ file, at, text }) => ({ file, at, text: text.replace(/\n$/, '') }))
  return {
    extraTop: lines.filter(({ at }) => at === 'top'),
    extraBottom: lines.filter(({ at }) => at === 'bottom'),
  }
}

/** FRR's routes that drop traffic to our unused addresses. */
export function coveringRoutes(node: NodePlan) {
  return familiesOf(node).flatMap((family) =>
    coveringOf(node, family).map((prefix) => ({ command: commands[family], prefix: prefix.toString() })),
  )
}

function sharedView(session: SessionPlan) {
  return {
    neighbor: session.neighbor,
    symbol: session.symbol,
    kind: session.kind,
    description: session.description,
    asn: session.asn,
    localAs: session.localAs ?? 0,
    address: session.address?.toString() ?? '',
    interface: session.interface ?? '',
    vrf: session.vrf ?? '',
    isUnnumbered: session.address === null,
    extendsNextHops: extendsNextHops(session),
    internal: kindPolicies[session.kind].internal,
    validated: session.validated,
    multihop: session.multihop ?? 0,
    gtsm: session.gtsm,
    bfd: session.bfd,
    timers: session.timers,
    password: session.passwordFile === null ? '' : secretToken(session.passwordFile),
  }
}

/** What both daemons print for an address family of a session. */
function channelView(session: SessionPlan, channel: SessionChannel) {
  return {
    family: channel.family,
    suffix: suffixOf(session, channel),
    importLimit: session.taken === 'nothing' ? 0 : channel.import.limit,
    exportLimit: channel.exports.length === 0 ? 0 : channel.export.limit,
  }
}

/** Of the names of its filters, where the session carries both families. */
export function suffixOf({ channels }: SessionPlan, { family }: SessionChannel): string {
  return channels.length === 1 ? '' : digits[family]
}

/** RFC 8950. */
function extendsNextHops({ channels }: SessionPlan): boolean {
  return channels.length > 1
}

function carries({ channels }: SessionPlan, family: Family): boolean {
  return channels.some((channel) => channel.family === family)
}

/** Interfaces on which a neighbor may learn our link-local address from router advertisements. */
function interfacesOf({ sessions }: NodePlan) {
  const names = sessions.flatMap((session) => (session.interface === null ? [] : [session.interface]))
  return [...new Set(names)].map((name) => ({ name }))
}

/** RTR caches in order of preference, followed by the last good one. */
function viewRpki({ rpki, namesCacheTransport }: NodePlan) {
  if (rpki === null) return null
  const { caches, refreshS, retryS, expireS, atExpiry, lastGood } = rpki
  return {
    caches: caches.map((cache, index) => ({ ...cache, preference: index + 1 })),
    transport: namesCacheTransport ? 'tcp ' : '',
    refreshS,
    retryS,
    expireS,
    lastGood: atExpiry === 'last-good' ? { ...lastGood, preference: caches.length + 1 } : null,
    tables: families.map((family) => ({ digit: digits[family], ...roaTables[family] })),
  }
}

/** BIRD's tables of the routes that resolve next hops. */
const resolutionTables: Readonly<Record<Family, string>> = { ipv4: 'aw_via4', ipv6: 'aw_via6' }

function familiesWith({ sessions }: NodePlan, holds: (session: SessionPlan) => boolean): readonly Family[] {
  return families.filter((family) => sessions.some((session) => carries(session, family) && holds(session)))
}

/**
 * Inside the AS, with single-hop BFD. BIRD's BFD is what the session is, and there a session is multihop unless it says
 * otherwise.
 */
function isDirect(session: SessionPlan): boolean {
  return kindPolicies[session.kind].internal && session.bfd?.hops === 'single'
}

function isRecursive(session: SessionPlan): boolean {
  return hasIndirectNextHops(session, session.taken)
}

function familiesOf(node: NodePlan): Family[] {
  const prefixes = [...prefixesOf(node.services, true), ...node.alwaysAnnounce]
  return families.filter(
    (family) =>
      node.sessions.some((session) => carries(session, family)) ||
      prefixes.some((prefix) => prefix.family === family),
  )
}

function alwaysOf({ alwaysAnnounce }: NodePlan, family: Family) {
  return alwaysAnnounce
    .filter((prefix) => prefix.family === family)
    .map((prefix) => ({ prefix: prefix.toString() }))
}

function coveringOf(node: NodePlan, family: Family): Prefix[] {
  return prefixesOf(node.services, false).filter((prefix) => prefix.family === family && !prefix.isHost)
}
