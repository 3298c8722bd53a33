import { type Fleet, type FleetNode, importsByKind, type Neighbor, type Rpki, type Service } from './fleet.ts'
import type { FleetFile, SiteFile } from './schema.ts'

/** Puts checked files together in the words of the model. */
export function assembleFleet(fleet: FleetFile, sites: readonly SiteFile[]): Fleet {
  return {
    asn: fleet.asn,
    bogonsAllowed: fleet.bogons.allow,
    services: Object.entries(fleet.services).map(([name, service]): Service => {
      const { probe } = service
      return {
        name,
        anycast: service.anycast,
        covering: service.covering,
        wireguard: service.wireguard,
        probe: {
          privateKeyFile: probe.privateKeyFile,
          presharedKeyFile: probe.presharedKeyFile ?? null,
          address: probe.address,
          intervalMs: probe.interval,
          timeoutMs: probe.timeout,
          rise: probe.rise,
          fall: probe.fall,
          checks: probe.checks,
        },
        safety: service.safety,
      }
    }),
    communities: [],
    rpki: assembleRpki(fleet.rpki),
    irr: { server: null, sources: [] },
    planner: { schedule: '*/10 * * * *' },
    listen: fleet.controller.listen,
    sites: sites.map((site) => ({ name: site.site, nodes: site.nodes.map(assembleNode) })),
  }
}

function assembleNode(node: SiteFile['nodes'][number]): FleetNode {
  return {
    name: node.name,
    daemon: node.daemon,
    daemonVersion: null,
    routerId: node.routerId,
    services: node.services,
    neighbors: node.neighbors.map(
      (neighbor): Neighbor => ({
        name: neighbor.name,
        kind: neighbor.kind,
        asn: neighbor.asn,
        address: neighbor.address,
        localAddress: neighbor.localAddress ?? null,
        description: neighbor.description ?? null,
        import: neighbor.import ?? importsByKind[neighbor.kind][0],
        limit: null,
        relax: [],
        tighten: {
          pathLength: null,
          notFound: 'accept',
          onlyPrefixes: null,
          rejectPrefixes: [],
          rejectAsns: [],
        },
        irr: null,
        communities: [],
        hostRoutes: null,
        role: null,
        multihop: null,
        bfd:
          neighbor.bfd === undefined
            ? null
            : { intervalMs: neighbor.bfd.interval, multiplier: neighbor.bfd.multiplier },
        gtsm: neighbor.gtsm ?? null,
        passwordFile: neighbor.passwordFile ?? null,
      }),
    ),
  }
}

function assembleRpki(rpki: FleetFile['rpki']): Rpki | null {
  if (rpki === undefined) return null
  return {
    caches: rpki.caches,
    invalid: rpki.invalid,
    refreshS: 3600,
    retryS: 600,
    expireS: 7200,
    atExpiry: 'last-good',
    lastGood: { host: '127.0.0.1', port: 3324 },
    vrps: null,
  }
}
