import type { Endpoint, RosterClaim } from '../../../fleet/roster/link.ts'
import { runWithSecrets } from '../../../linux/run-with-secrets.ts'
import { showWg, type WgField } from '../../../linux/wg.ts'
import { formatEndpoint } from '../../wireguard/endpoint-socket.ts'

/** What the interface has of a peer. */
export interface PeerView {
  /** Seconds since 1970; 0: none. */
  readonly handshakeS: number
  /** Bytes; those of handshakes count too. */
  readonly received: number
  readonly sent: number
}

export interface HandshakeStart {
  /** Public key, base64. */
  readonly peer: string
  readonly endpoint: Endpoint
  /** Also where the interface has a session of the peer, or has sent an initiation within the last 5 s. */
  readonly force: boolean
}

/** One WireGuard interface, for rescues. */
export interface RescueDevice {
  /** Its peers, the ones without allowed IPs included. Throws RunError. */
  look(): Promise<ReadonlyMap<string, PeerView>>
  /**
   * Sends each peer a handshake initiation, to that endpoint. Settings of a peer stay as they are. Throws RunError, and the
   * peers after the one that failed are then not started.
   */
  start(starts: readonly HandshakeStart[]): Promise<void>
  /** Sets endpoints of peers that have had no other handshake since. Sends nothing. Throws RunError. */
  setEndpoints(peers: readonly DisplacedPeer[]): Promise<void>
}

/** A served peer whose endpoint a replayed initiation has moved, with where it is. */
export type DisplacedPeer = Omit<RosterClaim, 'service'>

const timeoutMs = 5000

/**
 * By `wg`. The interface sends to a peer at once when its keepalive is switched on, and, without a session, that begins a
 * handshake. With a session of its own, which the peer does not know any more, or within 5 s of another initiation (WireGuard
 * paper, section 6.2), it does so only for a new peer: then the peer is removed and added again, in one call.
 *
 * @param folder for the preshared keys of one call, on a file system in memory
 */
export function createRescueDevice(interfaceName: string, folder: string): RescueDevice {
  const show = async (field: WgField) => readLines(await showWg(interfaceName, field, { timeoutMs }))
  const set = async (words: readonly string[], secrets: readonly string[]) => {
    if (words.length === 0) return
    // The words after the interface name users and their addresses.
    await runWithSecrets(['wg', 'set', interfaceName, ...words], { timeoutMs, secrets, folder, shown: 3 })
  }
  return {
    async look() {
      const [handshakes, traffic] = await Promise.all([show('latest-handshakes'), show('transfer')])
      return new Map(
        Array.from(handshakes, ([peer, seconds]) => {
          const [received, sent] = traffic.get(peer)?.split('\t') ?? []
          return [
            peer,
            { handshakeS: Number(seconds), received: Number(received ?? 0), sent: Number(sent ?? 0) },
          ]
        }),
      )
    },
    async start(starts) {
      // Of this moment: an engineer may just have changed them.
      const forced = starts.some(({ force }) => force)
      const [keepalives, allowedIps, presharedKeys] = await Promise.all([
        show('persistent-keepalive'),
        forced ? show('allowed-ips') : new Map<string, string>(),
        forced ? show('preshared-keys') : new Map<string, string>(),
      ])
      const secrets: string[] = []
      const words = starts.flatMap(({ peer, endpoint, force }) => {
        const keepalive = keepalives.get(peer)
        // It was removed meanwhile, and `wg set` would create it.
        if (keepalive === undefined) return []
        const call = ['endpoint', formatEndpoint(endpoint), ...switchOn(peer, readKeepalive(keepalive))]
        if (!force) return ['peer', peer, 'persistent-keepalive', 'off', 'peer', peer, ...call]
        const addresses = allowedIps.get(peer)
        if (addresses === undefined || addresses === '(none)') return []
        const key = presharedKeys.get(peer)
        const secret =
          key === undefined || key === '(none)' ? [] : ['preshared-key', `/dev/fd/${3 + secrets.length}`]
        if (secret.length > 0) secrets.push(`${key}\n`)
        const settings = [...secret, 'allowed-ips', addresses.replaceAll(' ', ',')]
        return ['peer', peer, 'remove', 'peer', peer, ...settings, ...call]
      })
      await set(words, secrets)
    },
    async setEndpoints(peers) {
      const handshakes = await show('latest-handshakes')
      // Not of one that was removed meanwhile either: `wg set` would create it.
      const words = peers
        .filter(({ peer, handshakeMs }) => Number(handshakes.get(peer)) * 1000 === handshakeMs)
        .flatMap(({ peer, endpoint }) => ['peer', peer, 'endpoint', formatEndpoint(endpoint)])
      await set(words, [])
    },
  }
}

/** From `off` on, and then what it is. */
function switchOn(peer: string, keepaliveS: number): string[] {
  if (keepaliveS > 0) return ['persistent-keepalive', String(keepaliveS)]
  return ['persistent-keepalive', '1', 'peer', peer, 'persistent-keepalive', 'off']
}

/** Lines of `key TAB value`. */
function readLines(text: string): Map<string, string> {
  const lines = new Map<string, string>()
  for (const line of text.split('\n')) {
    const at = line.indexOf('\t')
    if (at > 0) lines.set(line.slice(0, at), line.slice(at + 1))
  }
  return lines
}

function readKeepalive(text: string | undefined): number {
  return text === undefined || text === 'off' ? 0 : Number(text)
}
