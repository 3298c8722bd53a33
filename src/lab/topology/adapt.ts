import type { Fleet, Rpki } from '../../plan/sites/fleet.ts'
import type { LabNode } from './model.ts'
import { uniqueInterface } from './names.ts'

/** Where the lab keeps what the fleet's own files hold on real nodes. */
export interface LabSecrets {
  /** The generated public key of each service, by its name. */
  readonly publicKeys: ReadonlyMap<string, string>
  readonly probeKeyFile: (node: string, service: string) => string
  readonly presharedKeyFile: (service: string) => string
  readonly passwordFile: (node: string, neighbor: string) => string
}

/**
 * The fleet as one of its nodes has it in the lab: generated keys and passwords, and WireGuard interfaces
 * that no other node on this machine has, and RPKI caches that there are. Everything else stays as the
 * engineers wrote it.
 */
export function adaptFleet(fleet: Fleet, node: LabNode, secrets: LabSecrets): Fleet {
  return {
    ...fleet,
    rpki: fleet.rpki && moveCaches(fleet.rpki),
    services: fleet.services.map((service) => ({
      ...service,
      wireguard: {
        ...service.wireguard,
        interface: uniqueInterface(fleet, service, node.index),
        publicKey: secrets.publicKeys.get(service.name)!,
      },
      probe: {
        ...service.probe,
        privateKeyFile: secrets.probeKeyFile(node.name, service.name),
        presharedKeyFile:
          service.probe.presharedKeyFile === null ? null : secrets.presharedKeyFile(service.name),
      },
    })),
    sites: fleet.sites.map((site) => ({
      ...site,
      nodes: site.nodes.map((member) => ({
        ...member,
        neighbors: member.neighbors.map((neighbor) => ({
          ...neighbor,
          passwordFile:
            neighbor.passwordFile === null ? null : secrets.passwordFile(member.name, neighbor.name),
        })),
      })),
    })),
  }
}

/** Where a node's own RTR server answers in place of all the caches that the fleet names. */
export const labRtrPort = 3323

/** One server, by as many loopback addresses as there are caches, so that each keeps its place in the order. */
function moveCaches(rpki: Rpki): Rpki {
  const at = (index: number) => ({ host: `127.0.0.${index + 1}`, port: labRtrPort })
  return {
    ...rpki,
    caches: rpki.caches.map((_, index) => at(index)),
    lastGood: at(rpki.caches.length),
    vrps: null,
  }
}
