import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { Address, Family } from '../../net/prefix.ts'
import type { Fleet, FleetNode, Rescue, Rpki, Store } from '../../plan/sites/fleet.ts'
import { cacheAddress, cachePort } from './caches.ts'
import type { LabNode } from './model.ts'
import { uniqueInterface } from './names.ts'
import { slowTimers } from './slow-timers.ts'

/** Paths in the lab for files of real nodes. */
export interface LabSecrets {
  /** The generated public key of each service, by its name. */
  readonly publicKeys: ReadonlyMap<string, string>
  readonly probeKeyFile: (node: string, service: string) => string
  readonly presharedKeyFile: (service: string) => string
  readonly passwordFile: (node: string, neighbor: string) => string
  /** The generated public key of a node's probe; missing: those of the YAML stay. */
  readonly probePublicKey?: (node: string, service: string) => string
  /** The lab's own store, with the credentials of a site; missing: it has none. */
  readonly store?: (site: string) => Store
  /** The lab's certificate of a node. */
  readonly rescue?: (node: string) => Omit<Rescue, 'port'>
  /** Where the other nodes reach this one. */
  readonly unicast?: (node: string, family: Family) => Address
}

/** The version of each daemon on this machine, where it is known. */
export type InstalledVersions = ReadonlyMap<DaemonKind, string>

/** The fleet as the lab runs it: with timers that the machine can keep, and without keys, because bundles are not signed here. */
export function fleetInLab(fleet: Fleet, timerFactor: number): Fleet {
  return slowTimers({ ...fleet, planner: { ...fleet.planner, keys: [] } }, timerFactor)
}

/**
 * The fleet for one node of the lab: with generated keys and passwords, WireGuard interface names that are unique
 * on this machine, the lab's RPKI caches, and the daemons of this machine. Everything else stays as in the YAML.
 */
export function adaptFleet(
  fleet: Fleet,
  node: LabNode,
  secrets: LabSecrets,
  installed: InstalledVersions,
): Fleet {
  return {
    ...fleet,
    // The lab does not reach that of the YAML.
    store: secrets.store?.(node.site) ?? null,
    remote: secrets.store === undefined ? null : fleet.remote,
    rescue: fleet.rescue && secrets.rescue ? { ...fleet.rescue, ...secrets.rescue(node.name) } : null,
    rpki: fleet.rpki && moveCaches(fleet.rpki, node),
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
        unicast: member.unicast && (secrets.unicast?.(member.name, member.unicast.family) ?? null),
        probeKeys: findProbeKeys(member, secrets),
        daemonVersion: installed.get(member.daemon) ?? member.daemonVersion,
        neighbors: member.neighbors.map((neighbor) => ({
          ...neighbor,
          // The lab's links have point-to-point addresses: FRR takes such an iBGP neighbor for one behind routers.
          bfd: neighbor.bfd && neighbor.kind === 'ibgp' ? { ...neighbor.bfd, hops: 'multi' } : neighbor.bfd,
          passwordFile:
            neighbor.passwordFile === null ? null : secrets.passwordFile(member.name, neighbor.name),
        })),
      })),
    })),
  }
}

function findProbeKeys({ name, services, probeKeys }: FleetNode, { probePublicKey }: LabSecrets) {
  return probePublicKey === undefined
    ? probeKeys
    : services.map((service) => ({ service, publicKey: probePublicKey(name, service) }))
}

/** The lab's caches, in the fleet's order, followed by the last good one. */
function moveCaches(rpki: Rpki, node: LabNode): Rpki {
  const at = (place: number) => ({ host: cacheAddress(place, node.index).toString(), port: cachePort })
  return {
    ...rpki,
    caches: rpki.caches.map((_, place) => at(place)),
    lastGood: at(rpki.caches.length),
    vrps: null,
  }
}
