import type { NeighborKind } from '../../manifest/words.ts'
import { isPrivateAsn } from '../../net/asn.ts'
import { parseAddress } from '../../net/prefix.ts'
import { formatDuration } from '../../text/duration.ts'
import { readName } from '../sites/fields.ts'
import type { FoundRouter, FoundSession, Left } from '../takeover/router.ts'
import type { NewNeighbor } from './answers.ts'

/** A session that is taken over, before its kind is known. */
export interface Candidate {
  readonly name: string
  readonly session: FoundSession
  readonly asn: number
  /** `null`: the configuration does not say. */
  readonly kind: NeighborKind | null
}

/** Names the sessions, and finds the kinds that are certain. */
export function listCandidates({ sessions }: FoundRouter, ourAsn: number): Candidate[] {
  const taken = new Set<string>()
  return sessions.map((session) => {
    const asn = session.asn === 'internal' ? (session.localAs ?? ourAsn) : session.asn!
    const name = nameSession(session, asn, taken)
    taken.add(name)
    return { name, session, asn, kind: asn === ourAsn ? 'ibgp' : null }
  })
}

function nameSession(
  { name, address, description }: FoundSession,
  asn: number,
  taken: ReadonlySet<string>,
): string {
  const isSymbol = /^[A-Za-z]/.test(name) && !parseAddress(name).ok
  const base = toName(isSymbol ? name : (description ?? '')) ?? `as${asn}`
  const candidates = [base, ...(address?.includes(':') === true ? [`${base}-v6`] : [])]
  for (let number = 2; ; number += 1) {
    const free = candidates.find((candidate) => !taken.has(candidate) && readName(candidate).ok)
    if (free !== undefined) return free
    candidates.push(`${base.slice(0, 26)}-${number}`)
  }
}

/** `null`: nothing of it can be a name. */
function toName(text: string): string | null {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[-0-9]+|-+$/g, '')
    .slice(0, 28)
    .replace(/-+$/, '')
  return name.length >= 2 ? name : null
}

/** What a kind that is not known is proposed to be. */
export function proposeKind({ asn, session }: Candidate): NeighborKind {
  const isOnLink = session.multihop === null && session.interface !== null
  return isOnLink && isPrivateAsn(asn) ? 'tor' : 'transit'
}

/** The session in the YAML. `isGuess`: its kind is not known; `daemon`: that of the node. */
export function describeSession(
  { name, session, asn }: Candidate,
  kind: NeighborKind,
  isGuess: boolean,
  daemon?: string,
): { neighbor: NewNeighbor; left: Left[] } {
  const { place, address, localAddress, description, multihop, bfd, timers, families } = session
  const comments: Record<string, string> = {}
  const left: Left[] = []
  const leave = (reason: string) => left.push({ ...place, text: session.name, reason })
  if (isGuess) {
    comments.kind = 'a guess: the kind decides what is advertised and accepted'
    leave(`kind: ${kind} is a guess: the configuration does not say what AS ${asn} is`)
  }
  const family = address?.includes(':') === true ? 'ipv6' : 'ipv4'
  const others = families.filter((other) => other !== family)
  const sharesFamilies = address !== null && others.length > 0 && !session.extendedNextHop
  if (sharesFamilies) leave('the session carries both families: Anyward has one session for each family')
  if (session.hasPassword) {
    comments.passwordFile = 'write the password into this file on the node'
    leave('its password: write it into the passwordFile on the node')
  }
  const needsDevice = address === null || /^fe[89ab]/i.test(address)
  if (session.interface !== null && !needsDevice) {
    leave(`its interface ${session.interface}: write localAddress, an address of that interface`)
  }
  const takesNothing = daemon === 'bird' && session.vrf !== null
  const imports = takesNothing ? 'nothing' : chooseImport(session, kind)
  if (takesNothing && session.import !== 'nothing') {
    leave(
      `its routes: Anyward puts none into a VRF with BIRD, so give the VRF ${session.vrf} its routes yourself`,
    )
  }
  if (imports === 'default-only') {
    comments.import = 'only the default route; other choices: full, nothing'
    const former = session.import === 'filtered' ? 'its filter' : 'its import of all routes'
    leave(`import: default-only replaces ${former}`)
  } else if (imports === null && kind !== 'ibgp' && session.import === 'everything') {
    leave(`import: the filters of a ${kind} replace its import of all routes`)
  }
  const isOwn = kind === 'ibgp'
  if (isOwn && imports !== 'nothing') {
    leave('import: own-prefixes, the default, accepts no default route; write default-only to accept it')
  }
  if (isOwn && multihop !== null) {
    leave(`its ${multihop} hops: an ibgp session of Anyward may cross any number`)
  }
  const values = {
    name,
    kind,
    asn,
    ...(address !== null && { address }),
    ...(session.interface !== null && needsDevice && { interface: session.interface }),
    ...(localAddress !== null && { localAddress }),
    ...(session.localAs !== null && { localAs: session.localAs }),
    ...(session.vrf !== null && { vrf: session.vrf }),
    ...(description !== null && { description: description.replace(/\s+/g, ' ').trim() }),
    ...(imports !== null && { import: imports }),
    ...(session.limit !== null && { limit: session.limit }),
    // An ibgp session may cross any number of hops.
    ...(multihop !== null && !isOwn && { multihop }),
    ...(session.extendedNextHop && { extendedNextHop: true }),
    ...(bfd !== null && { bfd: describeBfd(bfd) }),
    ...(session.gtsm && { gtsm: true }),
    ...(Object.keys(timers).length > 0 && { timers: describeTimers(timers) }),
    ...(session.hasPassword && { passwordFile: `/etc/anyward/${name}.password` }),
  }
  return { neighbor: { values, comments, source: { ...place, name: session.name } }, left }
}

/** `null`: the default of its kind. */
function chooseImport(session: FoundSession, kind: NeighborKind): 'nothing' | 'default-only' | 'full' | null {
  if (session.import === 'nothing') return 'nothing'
  if (kind === 'peer' || kind === 'route-server' || kind === 'ibgp') return null
  // A node needs a default route; with full, a neighbor's whole table may arrive in the kernel.
  return 'default-only'
}

function describeBfd({ intervalMs, multiplier }: NonNullable<FoundSession['bfd']>) {
  return {
    ...(intervalMs !== undefined && { interval: formatDuration(intervalMs) }),
    ...(multiplier !== undefined && { multiplier }),
  }
}

function describeTimers({ holdMs, keepaliveMs }: FoundSession['timers']) {
  return {
    ...(holdMs !== undefined && { hold: formatDuration(holdMs) }),
    ...(keepaliveMs !== undefined && { keepalive: formatDuration(keepaliveMs) }),
  }
}
