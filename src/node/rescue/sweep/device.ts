import type { Endpoint, RosterClaim } from '../../../fleet/roster/link.ts'
import { runWithSecrets } from '../../../linux/run-with-secrets.ts'
import { readWgPeers, showWg, type WgPeer } from '../../../linux/wg.ts'
import { formatEndpoint } from '../../wireguard/endpoint-socket.ts'

export interface HandshakeStart {
  /** Public key, base64. */
  readonly peer: string
  readonly endpoint: Endpoint
  /** Also where the interface has a session of the peer, or has sent an initiation within the last 5 s. */
  readonly force: boolean
}

/** One WireGuard interface, for rescues. */
export interface RescueDevice {
  /** Its peers by public key, the ones without allowed IPs included. Throws RunError. */
  look(): Promise<ReadonlyMap<string, WgPeer>>
  /**
   * Sends each peer a handshake initiation, to that endpoint. Settings of a peer stay as they are in `view`, which is of this
   * moment: an engineer may just have changed them. Throws RunError, and the peers after the one that failed are then not started.
   */
  start(starts: readonly HandshakeStart[], view: ReadonlyMap<string, WgPeer>): Promise<void>
  /** Sends peers, as they are at this moment, a keepalive each, which begins no handshake where there is a session. Throws RunError. */
  sendKeepalives(peers: readonly WgPeer[]): Promise<void>
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
  const look = async () => {
    const peers = new Map<string, WgPeer>()
    await readWgPeers(interfaceName, (peer) => peers.set(peer.publicKey, peer), { timeoutMs })
    return peers
  }
  const set = async (words: readonly string[], secrets: readonly string[]) => {
    if (words.length === 0) return
    // The words after the interface name users and their addresses.
    await runWithSecrets(['wg', 'set', interfaceName, ...words], { timeoutMs, secrets, folder, shown: 3 })
  }
  return {
    look,
    async start(starts, view) {
      const presharedKeys = starts.some(({ force }) => force)
        ? readLines(await showWg(interfaceName, 'preshared-keys', { timeoutMs }))
        : new Map<string, string>()
      const secrets: string[] = []
      const words = starts.flatMap(({ peer, endpoint, force }) => {
        const settings = view.get(peer)
        // It was removed meanwhile, and `wg set` would create it.
        if (settings === undefined) return []
        const call = ['endpoint', formatEndpoint(endpoint), ...switchOn(peer, settings.keepaliveS)]
        if (!force) return [...switchOff(peer), 'peer', peer, ...call]
        const key = presharedKeys.get(peer)
        if (key === undefined || settings.allowedIps === '(none)') return []
        const secret = key === '(none)' ? [] : ['preshared-key', `/dev/fd/${3 + secrets.length}`]
        if (secret.length > 0) secrets.push(`${key}\n`)
        const again = [...secret, 'allowed-ips', settings.allowedIps]
        return ['peer', peer, 'remove', 'peer', peer, ...again, ...call]
      })
      await set(words, secrets)
    },
    sendKeepalives(peers) {
      const words = peers.flatMap(({ publicKey, keepaliveS }) => [
        ...switchOff(publicKey),
        ...['peer', publicKey, ...switchOn(publicKey, keepaliveS)],
      ])
      return set(words, [])
    },
    async setEndpoints(peers) {
      const view = await look()
      // Not of one that was removed meanwhile either: `wg set` would create it.
      const words = peers
        .filter(({ peer, handshakeMs }) => view.get(peer)?.handshakeS === handshakeMs / 1000)
        .flatMap(({ peer, endpoint }) => ['peer', peer, 'endpoint', formatEndpoint(endpoint)])
      await set(words, [])
    },
  }
}

function switchOff(peer: string): string[] {
  return ['peer', peer, 'persistent-keepalive', 'off']
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
