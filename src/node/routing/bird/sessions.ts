import { instanceMark } from '../../../manifest/announcements.ts'
import type { ManifestNeighbor } from '../../../manifest/manifest.ts'
import { type Family, parseAddress } from '../../../net/prefix.ts'
import { DaemonError } from '../daemon.ts'
import type { BirdReply } from './reply.ts'

/** A running protocol. The fields after `state` are in the reply to `show protocols all` only. */
export interface BirdSession {
  /** For BGP `up` is Established. */
  readonly state: string
  readonly isBgp: boolean
  /** The neighbor's address of a BGP protocol, canonical, and the interface of a link-local one. */
  address: string | null
  zone: string | null
  readonly channels: Set<string>
}

/** Every protocol by its name, from `show protocols` or `show protocols all`. */
export function readProtocols(reply: BirdReply): ReadonlyMap<string, BirdSession> {
  const protocols = new Map<string, BirdSession>()
  let last: BirdSession | undefined
  for (const { code, text } of reply.lines) {
    if (code === 1002) {
      const [name, type, , state] = text.split(/\s+/)
      if (name === undefined || state === undefined) {
        throw new DaemonError('protocol', 'BIRD listed a protocol without a state', { reply: text })
      }
      last = { state, isBgp: type === 'BGP', address: null, zone: null, channels: new Set() }
      protocols.set(name, last)
    } else if (code === 1006 && last !== undefined) {
      const [, key, value] = /^\s+(Neighbor address:|Channel) +(\S+)$/.exec(text) ?? []
      if (key === 'Channel') last.channels.add(value!)
      else if (value !== undefined) Object.assign(last, readAddress(value))
    }
  }
  return protocols
}

/**
 * The protocol of a neighbor's session: the one that the manifest names, or, in a configuration that is not ours, the BGP
 * protocol with its address. Of several, one that is up, and one that carries the family. `null`: there is none.
 */
export function findProtocol(
  neighbor: ManifestNeighbor,
  protocols: ReadonlyMap<string, BirdSession>,
): string | null {
  const { protocol, address, family, interface: link } = neighbor
  if (protocol !== null) return instanceOf(protocol, address === null, protocols)
  if (address === null) return null
  const wanted = readAddress(address).address
  const isIts = ({ isBgp, address: found, zone }: BirdSession) =>
    isBgp && found === wanted && (link === undefined || zone === null || zone === link)
  const rank = ({ state, channels }: BirdSession) =>
    (channels.has(family satisfies Family) ? 2 : 0) + (state === 'up' ? 1 : 0)
  const [best] = [...protocols].filter(([, one]) => isIts(one)).sort(([, a], [, b]) => rank(b) - rank(a))
  return best?.[0] ?? null
}

/**
 * For each router that opens an unnumbered session, BIRD starts a protocol with a number of its own; the one that is
 * configured stays passive.
 */
function instanceOf(
  protocol: string,
  isUnnumbered: boolean,
  protocols: ReadonlyMap<string, BirdSession>,
): string | null {
  const started = isUnnumbered
    ? [...protocols].filter(([name]) => name.startsWith(`${protocol}${instanceMark}`))
    : []
  const [best] = started.find(([, { state }]) => state === 'up') ?? started[0] ?? []
  return best ?? (protocols.has(protocol) ? protocol : null)
}

/** A name as an argument of a command: names may have characters that only a name in quotes may have. */
export function quoteProtocol(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : `'${name}'`
}

/** `fe80::1%eth1` has an interface. */
function readAddress(text: string): { address: string; zone: string | null } {
  const [address = '', zone = null] = text.split('%')
  const parsed = parseAddress(address)
  return { address: parsed.ok ? parsed.value.toString() : address, zone }
}
