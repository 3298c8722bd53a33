import { daemonTraits } from '../../manifest/daemon-kinds.ts'
import type { Manifest, ManifestService } from '../../manifest/manifest.ts'
import type { Probe } from '../sites/fleet.ts'
import { prefixesOf } from './compile-plan.ts'
import { describeRpki, describeSession } from './describe-session.ts'
import type { NodePlan } from './plan.ts'

/** The settings for the controller, and those that the next plan compares. `files`: the other files of the bundle. */
export function buildManifest(
  node: NodePlan,
  files: readonly { readonly path: string; readonly content: string }[],
  hash: (text: string) => string,
): Manifest {
  return {
    format: 1,
    site: node.site,
    node: node.node,
    daemon: node.daemon,
    routing: node.routing,
    asn: node.asn,
    routerId: node.routerId,
    paths: node.layout.paths,
    listen: [...node.layout.listen],
    ...describeAccess(node),
    peerMetrics: node.peerMetrics,
    neighbors: node.sessions.map((session) => ({
      name: session.neighbor,
      kind: session.kind,
      asn: session.asn,
      address: session.address?.toString() ?? null,
      ...(session.interface === null ? {} : { interface: session.interface }),
      ...(session.vrf === null ? {} : { vrf: session.vrf }),
      localAddress: session.localAddress?.toString() ?? null,
      family: session.address?.family ?? 'ipv6',
      ...(session.channels.length === 1 ? {} : { families: session.channels.map(({ family }) => family) }),
      protocol: protocolOf(node, session),
      gtsm: session.gtsm,
      passwordFile: session.passwordFile,
      prefixes: session.exports.map(String),
      session: describeSession(session, hash),
    })),
    rpki: describeRpki(node.rpki),
    services: node.services.map((service) => ({
      name: service.name,
      prefixes: prefixesOf([service], true).map(String),
      anycast: service.anycast.map((prefix) => prefix.network.toString()),
      wireguard: {
        interface: service.wireguard.interface,
        port: service.wireguard.port,
        publicKey: service.wireguard.publicKey,
        addresses: service.wireguard.addresses.map(({ address }) => address.toString()),
      },
      probe: describeProbe(service.probe),
      when: service.when,
      drain: service.drain,
      onStop: service.safety.onStop,
      deadManMs: service.safety.deadManMs,
      minSites: service.safety.minSites,
      alone: service.safety.alone,
    })),
    degradable: true,
    daemonVersions: { ...node.versions },
    store: node.store === null ? null : { ...node.store, endpoints: [...node.store.endpoints] },
    remote: node.remote,
    rescue: node.rescue,
    alwaysAnnounce: node.alwaysAnnounce.map(String),
    extra: node.extra.map(({ file, at, text }) => ({ file, at, hash: hash(text) })),
    maintenance: node.maintenance.map((window) => ({ ...window })),
    files: Object.fromEntries(files.map(({ path, content }) => [path, hash(content)])),
  }
}

/** Left out where it has nothing: such bundles stay as they were. */
function describeAccess({ access, layout: { isOpen = false } }: NodePlan): Pick<Manifest, 'access'> {
  if (access.tokensFile === null && access.tls === null && !isOpen) return {}
  return { access: { ...access, open: isOpen } }
}

function protocolOf({ daemon, routing }: NodePlan, { symbol, protocol }: NodePlan['sessions'][number]) {
  if (!daemonTraits[daemon].namesSessions) return null
  return routing === 'attached' ? protocol : symbol
}

function describeProbe(probe: Probe): ManifestService['probe'] {
  const { address, egress } = probe
  return {
    ...probe,
    address: address.toString(),
    egress: egress && {
      ...egress,
      targets: egress.targets.map((target) => ({ ...target, address: target.address.toString() })),
    },
  }
}
