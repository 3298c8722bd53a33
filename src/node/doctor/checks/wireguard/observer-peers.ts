import type { Manifest, ManifestService } from '../../../../manifest/manifest.ts'
import { keyPairOf } from '../../../wireguard/key.ts'
import { readKeyFile } from '../../../wireguard/key-file.ts'
import { type Check, type Found, unseen, warning } from '../../check.ts'
import { findAllowed } from './probe-peer.ts'
import { showIfPresent } from './show.ts'

type Remote = NonNullable<Manifest['remote']>
type Observer = Remote['observers'][number]

/** Nodes of other sites probe the endpoint too: without a peer for each, they take a good endpoint for one out of reach. */
export const observerPeers: Check = {
  name: 'observer-peers',
  reads:
    "with `remote`: the peers on the interface for the probes of other sites, and the key of this node's probe against `probeKeys`",
  async examine({ manifest, services }) {
    const remote = manifest?.remote ?? null
    if (remote === null) return []
    const found: Found[] = []
    for (const service of services) {
      const observers = remote.observers.filter((observer) => observer.service === service.name)
      const text =
        observers.length === 0 ? null : await showIfPresent(service.wireguard.interface, 'allowed-ips')
      if (text !== null) found.push(...findWrongPeers(service, observers, text))
      found.push(...(await findWrongKey(service, remote)))
    }
    return found
  },
}

/** @param text of `wg show INTERFACE allowed-ips` */
export function findWrongPeers(
  { name, wireguard: { interface: device }, probe }: Pick<ManifestService, 'name' | 'wireguard' | 'probe'>,
  observers: readonly Observer[],
  text: string,
): Found[] {
  const found: Found[] = []
  const unknown: string[] = []
  for (const { node, site, publicKey } of observers) {
    if (publicKey === null) {
      unknown.push(node)
      continue
    }
    const prefixes = findAllowed(text, publicKey)
    const whose = `the probe of ${node} at ${site} (${publicKey})`
    if (prefixes === null) {
      const message = `${device} has no peer for ${whose}, which then does not reach ${name}`
      found.push(warning(message, setPeer(device, publicKey, node, probe.presharedKeyFile)))
    } else if (prefixes.length > 0) {
      const message = `${device} accepts packets from ${prefixes.join(', ')} of ${whose}: it counts as a client, and its key opens the tunnel`
      found.push(warning(message, `wg set ${device} peer ${publicKey} allowed-ips ""`))
    }
  }
  if (unknown.length > 0) {
    found.push(
      unseen(
        `not checked: peers of ${device} for the probes of ${unknown.join(', ')}, whose keys for ${name} are not in the YAML`,
        `write probeKeys: { ${name}: KEY } at each of these nodes, with what \`wg pubkey < ${probe.privateKeyFile}\` prints there`,
      ),
    )
  }
  return found
}

function setPeer(device: string, publicKey: string, node: string, presharedKeyFile: string | null): string {
  const command = `wg set ${device} peer ${publicKey}`
  return presharedKeyFile === null
    ? command
    : `${command} preshared-key FILE\n    FILE is a copy of ${presharedKeyFile} of ${node}`
}

/** A key file that cannot be read is the finding of another check. */
async function findWrongKey({ name, probe }: ManifestService, { keys, targets }: Remote): Promise<Found[]> {
  const written = keys.find(({ service }) => service === name)?.publicKey
  if (written === undefined || !targets.some(({ service }) => service === name)) return []
  const read = await readKeyFile(probe.privateKeyFile)
  if (!read.ok) return []
  const own = keyPairOf(read.key).publicKey.toString('base64')
  if (own === written) return []
  return [
    warning(
      `the public key of ${probe.privateKeyFile} is ${own}, and probeKeys of this node has ${written} for ${name}: the nodes that it probes know another key`,
      `write probeKeys: { ${name}: ${own} } at this node, run \`anyward plan\`, and give the nodes that it probes the new peer`,
    ),
  ]
}
