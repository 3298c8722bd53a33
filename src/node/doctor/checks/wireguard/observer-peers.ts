import type { Manifest, ManifestService } from '../../../../manifest/manifest.ts'
import { publicKeyOf } from '../../../wireguard/key.ts'
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
      const own = await readPublicKey(service.probe.privateKeyFile)
      const text =
        observers.length === 0 ? null : await showIfPresent(service.wireguard.interface, 'allowed-ips')
      if (text !== null) found.push(...findWrongPeers(service, observers, text, own))
      if (own !== null) found.push(...findWrongKey(service, remote, own))
    }
    return found
  },
}

/**
 * @param text of `wg show INTERFACE allowed-ips`
 * @param own the public key of this node's probe; `null`: not known
 */
export function findWrongPeers(
  { name, wireguard: { interface: device }, probe }: Pick<ManifestService, 'name' | 'wireguard' | 'probe'>,
  observers: readonly Observer[],
  text: string,
  own: string | null,
): Found[] {
  const found: Found[] = []
  const unknown: string[] = []
  for (const { node, site, publicKey } of observers) {
    if (publicKey === null) {
      unknown.push(node)
      continue
    }
    const prefixes = findAllowed(text, publicKey)
    const another = (where: string) => makeAnotherKey(name, where, probe.privateKeyFile)
    const derived = publicKeyOf(Buffer.from(publicKey, 'base64'))
    const whose = `the probe of ${node} at ${site} (${publicKey})`
    if (derived === own || findAllowed(text, derived) !== null) {
      const message = `probeKeys of ${node} at ${site} has a private key for ${name}, that of ${derived}: it is in the YAML and in bundles, and no longer a secret`
      const where = derived === own ? `${node} and at this node` : node
      found.push(warning(message, `${another(where)}\n    ${removePeer(device, derived)}`))
    } else if (publicKey === own) {
      // The peer is that of this node's probe, and must keep its address.
      const message = `${whose} has the key of this node's probe too: make a key for each, because two probes with one key interrupt each other`
      found.push(warning(message, another(node)))
    } else if (prefixes === null) {
      const message = `${device} has no peer for ${whose}, which then does not reach ${name}`
      found.push(warning(message, setPeer(device, publicKey, node, probe.presharedKeyFile)))
    } else if (prefixes.length > 0) {
      const message = `${device} accepts packets from ${prefixes.join(', ')} of ${whose}: it counts as a client, and its key opens the tunnel`
      const cure = [
        `if this is no client of yours: wg set ${device} peer ${publicKey} allowed-ips ""`,
        `if it is one, probeKeys of ${node} has a wrong key`,
      ]
      found.push(warning(message, cure.join('\n    ')))
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

function makeAnotherKey(service: string, node: string, file: string): string {
  return `make another key at ${node}: (umask 077 && wg genkey > ${file}), write probeKeys: { ${service}: KEY } there with what \`wg pubkey < ${file}\` prints, and run \`anyward plan\``
}

function removePeer(device: string, publicKey: string): string {
  return `then, wherever the old key is a peer: wg set ${device} peer ${publicKey} remove`
}

/** `null`: it cannot be read, which is the finding of another check. */
async function readPublicKey(file: string): Promise<string | null> {
  const read = await readKeyFile(file)
  return read.ok ? publicKeyOf(read.key) : null
}

/** The written key is never quoted, because it may be a private one. */
function findWrongKey(
  { name, wireguard, probe }: ManifestService,
  { keys, targets }: Remote,
  own: string,
): Found[] {
  const written = keys.find(({ service }) => service === name)?.publicKey
  if (written === undefined || written === own) return []
  const file = probe.privateKeyFile
  if (publicKeyOf(Buffer.from(written, 'base64')) === own) {
    const message = `probeKeys of this node has the private key of its probe for ${name}, the text of ${file}: it is in the YAML and in bundles, and no longer a secret`
    const another = makeAnotherKey(name, 'this node', file)
    return [warning(message, `${another}\n    ${removePeer(wireguard.interface, own)}`)]
  }
  if (!targets.some(({ service }) => service === name)) return []
  return [
    warning(
      `the public key of ${file} is ${own}, and probeKeys of this node has another one for ${name}: the nodes that it probes do not know this key`,
      `write probeKeys: { ${name}: ${own} } at this node, run \`anyward plan\`, and give the nodes that it probes the new peer`,
    ),
  ]
}
