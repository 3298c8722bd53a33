import type { RoleWord } from '../../manifest/words.ts'
import { kindPolicies } from '../policy/kinds.ts'
import type { NodePlan, SessionPlan } from './plan.ts'

/** One setting of a session that the neighbor's own router has to have, or should have. */
export interface FarEndItem {
  readonly item: 'addresses' | 'ttl' | 'password' | 'role' | 'gtsm' | 'bfd' | 'graceful-shutdown' | 'routes'
  /** `required`: without it the session does not come up. */
  readonly need: 'required' | 'recommended'
  readonly text: string
}

/** What the operator of a neighbor has to configure for a session with this node, as sentences about their side. */
export function farEndOf(node: NodePlan, session: SessionPlan): FarEndItem[] {
  const { internal } = kindPolicies[session.kind]
  const items: (FarEndItem | null)[] = [
    addresses(node, session),
    ttl(session, internal),
    password(session),
    role(session),
    gtsm(session, internal),
    bfd(session, internal),
    internal ? null : gracefulShutdown(session),
    routes(session),
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

function addresses(
  { asn }: NodePlan,
  { address, localAddress, asn: theirs, family }: SessionPlan,
): FarEndItem {
  const ours = localAddress === null ? 'the address of our node on that link' : String(localAddress)
  const words = { ipv4: 'IPv4', ipv6: 'IPv6' }
  return required(
    'addresses',
    `neighbor ${ours}, AS${asn}, from your ${address}, AS${theirs}; ${words[family]} unicast`,
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
  return required(
    'role',
    `the role ${counterparts[ours]} (RFC 9234), or none: any other ends the session, for ours is ${ours}`,
  )
}

function gtsm(session: SessionPlan, internal: boolean): FarEndItem | null {
  if (session.gtsm) {
    return required('gtsm', 'GTSM (RFC 5082): send packets with TTL 255, and accept only those')
  }
  if (internal || session.multihop !== null || session.bfd !== null) return null
  return recommended('gtsm', 'GTSM (RFC 5082), off at present: tell us if you can, and both sides turn it on')
}

function bfd(session: SessionPlan, internal: boolean): FarEndItem {
  if (session.bfd === null) {
    return recommended('bfd', 'BFD (RFC 5880), off at present: without it a failed path is found after 90 s')
  }
  const { intervalMs, multiplier } = session.bfd
  const hops = internal ? '' : session.multihop === null ? ' single hop (RFC 5881),' : ' multihop (RFC 5883),'
  return recommended(
    'bfd',
    `BFD,${hops} interval ${intervalMs} ms, multiplier ${multiplier}: without it a failed path is found after 90 s`,
  )
}

function gracefulShutdown({ degrade, exports }: SessionPlan): FarEndItem | null {
  if (!degrade.gracefulShutdown || exports.length === 0) return null
  return recommended(
    'graceful-shutdown',
    'GRACEFUL_SHUTDOWN (65535:0, RFC 8326): give such routes LOCAL_PREF 0; we send it before maintenance',
  )
}

const takenWords = {
  nothing: 'none',
  'default-only': 'the default route only',
  'own-prefixes': 'those of our own prefixes only',
} as const

function routes(session: SessionPlan): FarEndItem {
  const { exports, taken } = session
  const ours = exports.length === 0 ? 'none' : `exactly ${exports.join(', ')}`
  const theirs = taken === 'full' ? `at most ${session.import.limit}` : takenWords[taken]
  return recommended('routes', `filters: routes from us: ${ours}; routes to us: ${theirs}`)
}
