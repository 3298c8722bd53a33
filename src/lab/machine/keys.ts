import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Fleet } from '../../plan/sites/fleet.ts'
import { labDir, writeSecret } from '../state.ts'
import type { LabSecrets } from '../topology/adapt.ts'
import type { Topology } from '../topology/model.ts'
import { nodeDir } from './plan-nodes.ts'
import { generateKeyPair, generatePresharedKey, type KeyPair } from './wireguard.ts'

export interface Keys {
  readonly servers: ReadonlyMap<string, KeyPair>
  readonly presharedKeys: ReadonlyMap<string, string>
  /** By node and service. */
  readonly probes: ReadonlyMap<string, KeyPair>
  readonly clients: ReadonlyMap<string, KeyPair>
}

export function generateKeys(fleet: Fleet, topology: Topology): Keys {
  return {
    servers: new Map(fleet.services.map((service) => [service.name, generateKeyPair()])),
    presharedKeys: new Map(fleet.services.map((service) => [service.name, generatePresharedKey()])),
    probes: new Map(
      topology.nodes.flatMap((node) =>
        fleet.services.map((service) => [`${node.name} ${service.name}`, generateKeyPair()]),
      ),
    ),
    clients: new Map(topology.clients.map((client) => [client.name, generateKeyPair()])),
  }
}

export async function writeKeys(
  fleet: Fleet,
  topology: Topology,
  keys: Keys,
  secrets: LabSecrets,
): Promise<void> {
  await mkdir(join(labDir, 'keys'), { recursive: true, mode: 0o700 })
  for (const service of fleet.services) {
    await writeSecret(secrets.presharedKeyFile(service.name), `${keys.presharedKeys.get(service.name)}\n`)
  }
  for (const node of topology.nodes) {
    await mkdir(nodeDir(node), { recursive: true })
    for (const service of fleet.services) {
      const pair = keys.probes.get(`${node.name} ${service.name}`)!
      await writeSecret(secrets.probeKeyFile(node.name, service.name), `${pair.privateKey}\n`)
    }
    for (const link of node.links) {
      const password = randomBytes(18).toString('base64url')
      await writeSecret(secrets.passwordFile(node.name, link.neighbor), `${password}\n`)
    }
    for (const peer of node.peers) {
      // Both ends have the same; the one that comes second by its name finds it.
      if (peer.node < node.name) continue
      const password = randomBytes(18).toString('base64url')
      await mkdir(nodeDir(topology.nodes.find(({ name }) => name === peer.node)!), { recursive: true })
      await writeSecret(secrets.passwordFile(node.name, peer.neighbor), `${password}\n`)
      await writeSecret(secrets.passwordFile(peer.node, peer.neighborThere), `${password}\n`)
    }
  }
}
