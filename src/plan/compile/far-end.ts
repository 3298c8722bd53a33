import { daemonTraits } from '../../manifest/daemon-kinds.ts'
import { isIndirect } from '../../manifest/indirect.ts'
import type { RoleWord } from '../../manifest/words.ts'
import { kindPolicies } from '../policy/kinds.ts'
import type { NodePlan, SessionPlan } from './plan.ts'

/** One setting of a session that the neighbor's own router has to have, or should have. */
export interface FarEndItem {
  readonly item:
    | 'addresses'
    | 'unnumbered'
    | 'extended-next-hop'
    | 'ttl'
    | 'password'
    | 'role'
    | 'gtsm'
    | 'bfd'
    | 'timers'
    | 'graceful-shutdown'
    | 'routes'
  /** `required`: without it the session does not come up. */
  readonly need: 'required' | 'recommended'
  readonly text: string
}

/** What the operator of a neighbor has to configure for a session with this node, as sentences about their side. */
export function farEndOf(node: NodePlan, session: SessionPlan): FarEndItem[] {
  const { internal } = kindPolicies[session.kind]
  // The engineer's own configuration has these settings of an attached node.
  const isOwn = node.routing === 'attached'
  const items: (FarEndItem | null)[] = [
    addresses(node, session),
    ...(isOwn ? [] : [ttl(session, internal)]),
    unnumbered(session),
    extendedNextHop(session),
    ...(isOwn ? [] : [password(session), role(session)]),
    ...(isOwn ? [] : [gtsm(node, session), bfd(node, session, internal), timers(session)]),
    internal ? null : gracefulShutdown(session),
    routes(session, isOwn),
  ]
  const known = items.filter((item) => item !== null)
  return [...known.filter(isRequired), ...known.filter((item) => !isRequired(item))]
}

function isRequired({ need }: FarEndItem): boolean {
  return need === 'required'
}

function required(item: FarEndItem['item'], text: string): FarEndItem {
  return { item, need: 'required', text }
}

function recommended(item: FarEndItem['item'], text: string): FarEndItem {
  return { item, need: 'recommended', text }
}

function addresses({ asn }: NodePlan, session: SessionPlan): FarEndItem {
  const { address, localAddress, asn: theirs, localAs, channels } = session
  const which = session.interface === null ? 'address' : 'link-local address'
  const unset = isIndirect(session) ? 'an address that we name' : `the ${which} of our node on that link`
  const ours = localAddress === null ? unset : String(localAddress)
  const yours = address === null ? 'your link-local address' : `your ${address}`
  const words = { ipv4: 'IPv4', ipv6: 'IPv6' }
  return required(
    'addresses',
    `neighbor ${ours}, AS${localAs ?? asn}, from ${yours}, AS${theirs}; ${channels.map(({ family }) => `${words[family]} unicast`).join(' and ')}`,
  )
}

function unnumbered({ address }: SessionPlan): FarEndItem | null {
  if (address !== null) return null
  return required(
    'unnumbered',
    'an unnumbered session: your router opens the connection, from its link-local address, and sends router advertisements (RFC 4861); ours sends them too',
  )
}

function extendedNextHop({ channels }: SessionPlan): FarEndItem | null {
  if (channels.length === 1) return null
  return required(
    'extended-next-hop',
    'IPv4 routes with IPv6 next hops (RFC 8950): the capability extended next hop',
  )
}

function ttl({ multihop }: SessionPlan, internal: boolean): FarEndItem | null {
  if (internal || multihop === null) return null
  return required('ttl', `eBGP multihop: the session crosses up to ${multihop} hops`)
}

function password({ passwordFile }: SessionPlan): FarEndItem | null {
  if (passwordFile === null) return null
  return required('password', 'TCP MD5 (RFC 2385) with the password that was agreed on; it is not shown here')
}

const counterparts: Readonly<Record<RoleWord, RoleWord>> = {
  customer: 'provider',
  provider: 'customer',
  peer: 'peer',
  'rs-client': 'rs-server',
  'rs-server': 'rs-client',
}

function role({ role: ours }: SessionPlan): FarEndItem | null {
  if (ours === null) return null
  return recommended(
    'role',
    `the role ${counterparts[ours]} (RFC 9234): with another one the session does not come up, with none it does`,
  )
}

function gtsm({ daemon }: NodePlan, session: SessionPlan): FarEndItem | null {
  if (session.gtsm) {
    return required('gtsm', 'GTSM (RFC 5082): send packets with TTL 255, and accept only those')
  }
  // Where BFD excludes GTSM, BFD is recommended: a crashed node harms more than packets from afar (decision 4).
  if (isIndirect(session) || daemonTraits[daemon].gtsmExcludesBfd !== null) return null
  return recommended('gtsm', 'GTSM (RFC 5082), off at present: tell us if you can, and both sides turn it on')
}

function bfd({ daemon, startsBfdFirst }: NodePlan, session: SessionPlan, internal: boolean): FarEndItem {
  const without = `without it a failed path is found only when the hold time ends, after up to ${session.timers.holdS} s`
  if (session.bfd === null) return recommended('bfd', `BFD (RFC 5880), off at present: ${without}`)
  const { intervalMs, multiplier, hops } = session.bfd
  const kind = {
    single: internal
      ? 'single hop (RFC 5881; BIRD: with direct; FRR from 10.2 on: without update-source)'
      : 'single hop (RFC 5881)',
    multi: `multihop (RFC 5883${internal ? '; FRR from 10.2 on: also as a multihop peer under bfd' : describeTtl(daemonTraits[daemon].multihopBfdTtl)})`,
  }
  const what = `BFD, ${kind[hops]}, interval ${intervalMs} ms, multiplier ${multiplier}`
  return startsBfdFirst
    ? required(
        'bfd',
        `${what}: without it our FRR does not start the session, or not again once it has ended`,
      )
    : recommended('bfd', `${what}: ${without}`)
}

/** FRR accepts any TTL inside an AS; elsewhere the one that follows from its `ebgp-multihop`. */
function describeTtl(ttl: number): string {
  if (ttl === 255) return ''
  return `; our packets start with TTL ${ttl}: FRR refuses them, unless a bfd peer with multihop has minimum-ttl 1`
}

function timers({ timers: { holdS, keepaliveS } }: SessionPlan): FarEndItem {
  return recommended(
    'timers',
    `hold time ${holdS} s or more, keepalives each ${keepaliveS} s: of both sides' hold times the shorter applies`,
  )
}

function gracefulShutdown({ degrade, exports }: SessionPlan): FarEndItem | null {
  if (!degrade.gracefulShutdown || exports.length === 0) return null
  return recommended(
    'graceful-shutdown',
    'GRACEFUL_SHUTDOWN (65535:0, RFC 8326): give such routes LOCAL_PREF 0; we send it before maintenance, and while a service is impaired',
  )
}

const takenWords = {
  nothing: 'none',
  'default-only': 'the default route only',
  'own-prefixes': 'those of our own prefixes only',
} as const

function routes(session: SessionPlan, isOwn: boolean): FarEndItem {
  const { exports, taken } = session
  const noExport = session.channels.some((channel) =>
    channel.export.rules.some(({ id }) => id === 'no-export'),
  )
    ? ', with NO_EXPORT'
    : ''
  const ours = exports.length === 0 ? 'none' : `exactly ${exports.join(', ')}${noExport}`
  const words = { ipv4: 'IPv4', ipv6: 'IPv6' }
  const limits = session.channels.map(({ family, import: { limit } }) =>
    session.channels.length === 1 ? limit : `${limit} of ${words[family]}`,
  )
  const most = `at most ${limits.join(' and ')}, beyond which the session stays down until we enable it`
  const theirs = taken === 'full' ? (isOwn ? 'as agreed' : most) : takenWords[taken]
  return recommended('routes', `filters: routes from us: ${ours}; routes to us: ${theirs}`)
}
