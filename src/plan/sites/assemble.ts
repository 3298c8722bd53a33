import type { ConfiguredSideCheck } from '../../manifest/words.ts'
import type { ReadExtra } from './drafts.ts'
import { countOf } from './fields.ts'
import type { FleetFileText } from './file-text.ts'
import {
  type Fleet,
  type FleetNode,
  type IrrFilter,
  importsByKind,
  type Neighbor,
  type Probe,
  type Rescue,
  type Rpki,
  type Service,
  type SessionTimers,
} from './fleet.ts'
import type { FleetFile } from './schema/fleet-file.ts'
import { conntrackCheck, peersCheck } from './schema/side-checks.ts'
import type { SiteFile } from './schema/site-file.ts'

/** Builds the model from checked files. */
export function assembleFleet(fleet: FleetFile, sites: readonly SiteFile[], readExtra: ReadExtra): Fleet {
  return {
    asn: fleet.asn,
    bogonsAllowed: fleet.bogons.allow,
    services: Object.entries(fleet.services).map(([name, service]): Service => {
      const { probe } = service
      return {
        name,
        anycast: service.anycast,
        covering: service.covering,
        communities: service.communities,
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
          suspicion: probe.suspicion,
          window: probe.window,
          holdDown: { initialMs: probe.holdDown.initial, maxMs: probe.holdDown.max },
          ...assembleSideChecks(probe),
        },
        when: service.when,
        drain: {
          idleMs: service.drain.idle,
          limitMs: service.drain.limit,
          undrainMs: service.drain.undrain,
        },
        safety: {
          minSites: countOf(service.safety.minSites, countServing(sites, name)),
          alone: service.safety.alone,
          onStop: service.safety.onStop,
          deadManMs: service.safety.deadMan,
        },
      }
    }),
    communities: fleet.communities,
    rpki: assembleRpki(fleet.rpki),
    store: fleet.store === undefined ? null : { ...fleet.store, beatEveryMs: beatEveryMs(sites) },
    remote:
      fleet.remote === undefined
        ? null
        : {
            intervalMs: fleet.remote.interval,
            observers: fleet.remote.observers,
            degrade: fleet.remote.degrade,
          },
    rescue: assembleRescue(fleet),
    irr: { server: fleet.irr.server ?? null, sources: fleet.irr.sources },
    planner: fleet.planner,
    rollout: {
      waves: fleet.rollout.waves.map(({ name, nodes = null, sites = null, share = null }) => ({
        ...{ name, nodes, sites, share },
      })),
      soakMs: fleet.rollout.soak,
      via: fleet.rollout.via,
    },
    listen: fleet.controller.listen,
    access: assembleAccess(fleet),
    peerMetrics: fleet.controller.peerMetrics,
    sites: sites.map((site) => ({
      name: site.site,
      nodes: site.nodes.map((node) => assembleNode(node, site, fleet, readExtra)),
    })),
  }
}

function countServing(sites: readonly SiteFile[], service: string): number {
  return sites.filter(({ nodes }) => nodes.some((node) => node.services.includes(service))).length
}

function assembleAccess({ controller }: FleetFile): Fleet['access'] {
  const { tokensFile, tls } = controller
  return {
    tokensFile: tokensFile ?? null,
    tls: tls === undefined ? null : { ...tls, clientCaFile: tls.clientCaFile ?? null },
  }
}

/** The cross-checks report which files are missing. */
function assembleRescue({ rescue, store }: FleetFile): Rescue | null {
  if (rescue === undefined) return null
  const { caFile = store?.caFile, certFile = store?.certFile, keyFile = store?.keyFile, port } = rescue
  if (caFile === undefined || certFile === undefined || keyFile === undefined) return null
  return { port, caFile, certFile, keyFile }
}

/**
 * Each node sees the beats of all others, so the store sends a number of events that grows with the square of the number of
 * nodes, divided by this time.
 */
function beatEveryMs(sites: readonly SiteFile[]): number {
  const nodes = sites.reduce((count, site) => count + site.nodes.length, 0)
  return 1000 * Math.ceil(nodes / 100)
}

type ProbeFile = FleetFile['services'][string]['probe']
type Written<Check extends ConfiguredSideCheck> = NonNullable<ProbeFile[Check]>

/** A check that is configured but not among `checks` does not run; the cross-checks warn about it. */
function assembleSideChecks({
  checks,
  egress,
  command,
  peers,
  conntrack,
}: ProbeFile): Pick<Probe, ConfiguredSideCheck> {
  const runs = (check: ConfiguredSideCheck) => checks.includes(check)
  return {
    egress: runs('egress') && egress !== undefined ? assembleEgress(egress) : null,
    command: runs('command') && command !== undefined ? { argv: command.argv, ...paceOf(command) } : null,
    peers: runs('peers') ? assemblePeers(peers ?? peersCheck.parse({})) : null,
    conntrack: runs('conntrack') ? assembleConntrack(conntrack ?? conntrackCheck.parse({})) : null,
  }
}

function assembleEgress(egress: Written<'egress'>): Probe['egress'] {
  const targets = egress.targets.map(({ protocol, address, port, name }) => ({
    protocol,
    address,
    port: port ?? (protocol === 'dns' ? 53 : null),
    name: name ?? null,
  }))
  return { targets, need: egress.need, ...paceOf(egress) }
}

function assemblePeers(peers: Written<'peers'>): Probe['peers'] {
  return { drop: peers.drop, withinMs: peers.within, least: peers.least, ...paceOf(peers) }
}

function assembleConntrack(conntrack: Written<'conntrack'>): Probe['conntrack'] {
  return { maxUse: conntrack.maxUse, ...paceOf(conntrack) }
}

function paceOf(check: { interval: number; timeout: number; rise: number; fall: number }) {
  return {
    intervalMs: check.interval,
    timeoutMs: check.timeout,
    rise: check.rise,
    fall: check.fall,
  }
}

/** Whole lines, as a daemon on Linux reads them. Fleets with a file that cannot be read are not assembled. */
function extraText(read: FleetFileText): string {
  const text = 'text' in read ? read.text.replaceAll('\r\n', '\n') : ''
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

function assembleNode(
  node: SiteFile['nodes'][number],
  site: SiteFile,
  fleet: FleetFile,
  readExtra: ReadExtra,
): FleetNode {
  return {
    maintenance: [...site.maintenance, ...node.maintenance].map(({ cron, duration, timezone }) => ({
      cron,
      durationMs: duration,
      timezone,
    })),
    name: node.name,
    daemon: node.daemon,
    routing: node.routing,
    daemonVersion: node.daemonVersion ?? null,
    asn: node.asn ?? site.asn ?? fleet.asn,
    routerId: node.routerId,
    ssh: node.ssh ?? node.name,
    unicast: node.unicast ?? null,
    probeKeys: Object.entries(node.probeKeys).map(([service, publicKey]) => ({ service, publicKey })),
    services: node.services,
    alwaysAnnounce: node.alwaysAnnounce,
    extra: node.extra.map(({ file, at }) => ({ file, at, text: extraText(readExtra(file)) })),
    neighbors: node.neighbors.map(
      (neighbor): Neighbor => ({
        name: neighbor.name,
        kind: neighbor.kind,
        asn: neighbor.asn,
        localAs: neighbor.localAs ?? null,
        address: neighbor.address ?? null,
        localAddress: neighbor.localAddress ?? null,
        interface: neighbor.interface ?? null,
        vrf: neighbor.vrf ?? null,
        extendedNextHop: neighbor.extendedNextHop ?? neighbor.address === undefined,
        description: neighbor.description ?? null,
        import: neighbor.import ?? importsByKind[neighbor.kind][0],
        limit: neighbor.limit ?? null,
        relax: [...new Set(neighbor.relax)],
        tighten: {
          pathLength: neighbor.tighten.pathLength ?? null,
          notFound: neighbor.tighten.notFound,
          onlyPrefixes: neighbor.tighten.onlyPrefixes ?? null,
          rejectPrefixes: neighbor.tighten.rejectPrefixes,
          rejectAsns: neighbor.tighten.rejectAsns,
        },
        irr: assembleIrr(neighbor.irr),
        services: neighbor.services ?? null,
        communities: neighbor.communities,
        prepend: neighbor.prepend,
        med: neighbor.med ?? null,
        localPref: neighbor.localPref ?? null,
        hostRoutes: neighbor.hostRoutes ?? null,
        noExport: neighbor.noExport ?? null,
        // Only the session itself can have a role.
        role: node.routing === 'attached' ? 'none' : (neighbor.role ?? null),
        multihop: neighbor.multihop ?? null,
        bfd:
          neighbor.bfd === undefined
            ? null
            : {
                intervalMs: neighbor.bfd.interval,
                multiplier: neighbor.bfd.multiplier,
                hops: neighbor.bfd.hops ?? (neighbor.multihop === undefined ? 'single' : 'multi'),
              },
        timers: assembleTimers(neighbor.timers),
        gtsm: neighbor.gtsm,
        passwordFile: neighbor.passwordFile ?? null,
        degrade: {
          gracefulShutdown: neighbor.degrade.gracefulShutdown ?? true,
          prepend: neighbor.degrade.prepend ?? (neighbor.kind === 'ibgp' ? 0 : 3),
          med: neighbor.degrade.med ?? null,
        },
        session: neighbor.session ?? null,
      }),
    ),
  }
}

function assembleTimers({
  hold,
  keepalive,
}: SiteFile['nodes'][number]['neighbors'][number]['timers']): SessionTimers {
  const holdS = hold / 1000
  return { holdS, keepaliveS: keepalive === undefined ? Math.floor(holdS / 3) : keepalive / 1000 }
}

function assembleRpki(rpki: FleetFile['rpki']): Rpki | null {
  if (rpki === undefined) return null
  return {
    caches: rpki.caches,
    invalid: rpki.invalid,
    refreshS: rpki.refresh / 1000,
    retryS: rpki.retry / 1000,
    expireS: rpki.expire / 1000,
    atExpiry: rpki.atExpiry,
    lastGood: rpki.lastGood,
    vrps:
      rpki.vrps === undefined
        ? null
        : { file: rpki.vrps.file, slurm: rpki.vrps.slurm ?? null, maxAgeMs: rpki.vrps.maxAge },
  }
}

/** The schema ensures that exactly one of them is set. */
function assembleIrr(irr: SiteFile['nodes'][number]['neighbors'][number]['irr']): IrrFilter | null {
  if (irr?.asSet !== undefined) return { type: 'as-set', asSet: irr.asSet }
  if (irr?.asn !== undefined) return { type: 'asn', asn: irr.asn }
  if (irr?.routeSet !== undefined) return { type: 'route-set', routeSet: irr.routeSet }
  if (irr?.file !== undefined) return { type: 'file', file: irr.file }
  return null
}
