import type { ManifestService } from '../../../manifest/manifest.ts'
import { WireguardClient, type WireguardClientOptions } from '../../wireguard/client.ts'
import { Deadline } from '../../wireguard/deadline.ts'
import { parsePublicKey } from '../../wireguard/key.ts'
import type { RemoteTarget } from './remote-probes.ts'
import type { SightResult } from './sight.ts'

/** Over any distance. */
const timeoutMs = 2000

interface Place extends Pick<RemoteTarget, 'service' | 'site' | 'node'> {
  readonly address: string
}

type Secrets = Pick<WireguardClientOptions, 'privateKey' | 'presharedKey' | 'timestamps'>

/** Another site's endpoint of a service, by the unicast address of its node. Throws TypeError if its public key is none. */
export function createRemoteTarget(
  { service, site, node, address }: Place,
  { port, publicKey }: Pick<ManifestService['wireguard'], 'port' | 'publicKey'>,
  secrets: Secrets,
  intervalMs: number,
): RemoteTarget {
  const serverPublicKey = parsePublicKey(publicKey)
  if (!serverPublicKey.ok) throw new TypeError(`the public key of ${service} ${serverPublicKey.problem}`)
  const endpoint = { address, port }
  const client = new WireguardClient({
    ...secrets,
    serverPublicKey: serverPublicKey.value,
    endpoints: [endpoint],
  })
  const probe = async (): Promise<SightResult> => {
    const deadline = new Deadline(Math.min(timeoutMs, intervalMs / 2))
    try {
      const outcome = await client.handshake(endpoint, deadline)
      // A server that asks for cookies is reached.
      if (outcome.ok || outcome.cause === 'under-load') return 'good'
      return outcome.cause === 'starved' || outcome.cause === 'closed' ? 'inconclusive' : 'bad'
    } finally {
      deadline.cancel()
    }
  }
  return { service, site, node, probe, close: () => client.close() }
}
