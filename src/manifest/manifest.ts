import { families } from '../net/prefix.ts'
import {
  type Infer,
  list,
  map,
  nullable,
  optional,
  plainText,
  type Read,
  readJson,
  readShape,
  record,
  requireShape,
  unique,
  whole,
  withDefault,
  word,
  yesNo,
} from '../text/shape.ts'
import { bounds } from './bounds.ts'
import { daemonKinds } from './daemon-kinds.ts'
import { probe } from './probe.ts'
import {
  absolutePath,
  address,
  asn,
  birdProtocol,
  durationMs,
  fileName,
  hash,
  hostAndPort,
  interfaceName,
  name,
  port,
  prefix,
  publicKey,
  ruleId,
  schedule,
  seconds,
  timezone,
  version,
} from './values.ts'
import {
  aloneActions,
  bfdHops,
  extraPlaces,
  failureActions,
  importWords,
  neighborKinds,
  roleWords,
  routingWords,
} from './words.ts'

/** Paths on the node. */
const paths = record({
  /** BIRD's control socket, or bgpd's vty socket. */
  daemonSocket: absolutePath,
  /** BIRD only: the include file that the controller owns. `null` for FRR, which is configured over the socket. */
  announceFile: nullable(absolutePath),
  /** The daemon's configuration file, which `apply` installs. Missing in bundles of Anyward 0.1.0, as is the next. */
  configFile: optional(absolutePath),
  /** Where `apply` installs this bundle for the controller. */
  bundleDir: optional(absolutePath),
  /** Lost at a boot: control socket, lock. */
  runtimeDir: absolutePath,
  /** Survives a boot: the operator's intent, the journal of `apply`. */
  stateDir: absolutePath,
})

/** Far above the size of any node. */
const most = { neighbors: 10_000, services: 1000, prefixes: 10_000, rules: 1000, files: 100 } as const
const limit = whole(0, 4_294_967_295)

/** Rule ids, each with a hash of its rules, in their order. */
const rules = map(ruleId, hash, most.rules)

/** Settings that the next plan compares, to report the effect and cost of a change. */
const session = record({
  /** The AS number of our side; `null`: the node's. */
  localAs: withDefault(nullable(asn), null),
  description: plainText(200),
  role: nullable(word(...roleWords)),
  multihop: nullable(whole(...bounds.multihop)),
  bfd: nullable(
    record({
      intervalMs: durationMs(bounds.bfd.interval),
      multiplier: whole(...bounds.bfd.multiplier),
      /** Of an iBGP session; of another one `null`: `multihop` tells. */
      hops: withDefault(nullable(word(...bfdHops)), null),
    }),
  ),
  timers: withDefault(
    record({ holdS: seconds(bounds.timers.hold), keepaliveS: seconds(bounds.timers.keepalive) }),
    { holdS: 90, keepaliveS: 30 },
  ),
  /** Whether the daemon re-evaluates accepted routes when VRPs change. */
  validated: yesNo,
  takes: word(...importWords),
  importLimit: limit,
  exportLimit: limit,
  importRules: rules,
  exportRules: rules,
  /** Ids of the rules that the YAML relaxes, sorted. */
  relaxed: list(ruleId, most.rules),
})

const neighbor = record({
  name,
  kind: word(...neighborKinds),
  asn,
  /** `null`: unnumbered, the router on the other end of `interface`. */
  address: nullable(address),
  localAddress: nullable(address),
  /** The interface that the neighbor is on, if its address is link-local or `null`. */
  interface: optional(interfaceName),
  /** The VRF that it is in, unless that is the default one. */
  vrf: optional(interfaceName),
  /** Of the session's addresses. */
  family: word(...families),
  /** The families that the session carries, if both: IPv4 with IPv6 next hops (RFC 8950). */
  families: optional(list(word(...families), 2)),
  /**
   * BIRD's name for the session, of an unnumbered one the stem of it. `null` for FRR, which names a session by its address
   * or interface, and for a session of an attached node whose name the YAML does not give: it is found by its address.
   */
  protocol: nullable(birdProtocol),
  gtsm: yesNo,
  passwordFile: nullable(absolutePath),
  /** Our prefixes that are advertised to this neighbor while their service is announced, or always, sorted. */
  prefixes: list(prefix, most.prefixes),
  /** Missing in bundles of Anyward 0.1.0. */
  session: optional(session),
})

const rpki = record({
  /** RTR servers as `host:port`, the preferred one first. */
  caches: list(hostAndPort, 100),
  refreshS: seconds(bounds.rpki.refresh),
  retryS: seconds(bounds.rpki.retry),
  expireS: seconds(bounds.rpki.expire),
  atExpiry: word('accept', 'last-good'),
  lastGood: hostAndPort,
})

const service = record({
  name,
  /** The prefixes that the node originates for this service: host and covering prefixes, sorted. */
  prefixes: list(prefix, most.prefixes),
  /** The addresses that must be on the node, without a length. */
  anycast: list(address, most.prefixes),
  wireguard: record({
    interface: interfaceName,
    port,
    publicKey,
    /** Without a length. */
    addresses: list(address, 1000),
  }),
  probe,
  when: withDefault(record({ dead: word(...failureActions), impaired: word(...failureActions) }), {
    dead: 'withdraw',
    impaired: 'degrade',
  }),
  drain: withDefault(
    record({
      /** The drain is complete if the neighbors have the degraded routes, and no peer has sent data for this time. */
      idleMs: durationMs(bounds.drain.idle),
      /** The time limit: then the routes are withdrawn even if peers still send data. */
      limitMs: durationMs(bounds.drain.limit),
      /** How long the routes stay degraded after `undrain`. */
      undrainMs: durationMs(bounds.drain.undrain),
    }),
    { idleMs: 0, limitMs: 0, undrainMs: 0 },
  ),
  onStop: word('withdraw', 'keep'),
  /** `null`: the announcements of a killed controller stay. */
  deadManMs: withDefault(nullable(durationMs(bounds.safety.deadMan)), null),
  /** A share of the sites is a number here: the planner knows how many serve it. */
  minSites: withDefault(whole(...bounds.safety.minSites), 0),
  /** What a failure does while the store is unreachable, and no other announcer is seen over iBGP. */
  alone: withDefault(record({ dead: word(...aloneActions), impaired: word(...aloneActions) }), {
    dead: 'withdraw',
    impaired: 'hold',
  } as const),
})

/** The fleet's store, etcd: where nodes agree on permits to withdraw. */
const store = record({
  /** Of its members, as `host:port`. */
  endpoints: list(hostAndPort, 9),
  caFile: absolutePath,
  certFile: absolutePath,
  keyFile: absolutePath,
  /** How often a node says that it is there. */
  beatEveryMs: withDefault(whole(1000, 3_600_000), 1000),
})

const placedService = { service: name, site: name, node: name } as const

/** Handshakes with the endpoints of other sites, by the unicast addresses of their nodes. */
const remote = record({
  intervalMs: durationMs(bounds.remote.interval),
  /** What this node probes. Port and public key are those of the service. */
  targets: list(record({ ...placedService, address }), most.neighbors),
  /** Whether this node degrades what most of them do not reach. */
  degrade: yesNo,
  /** Which nodes probe this one, with the public keys that the YAML has of their probes. */
  observers: list(
    record({ ...placedService, publicKey: withDefault(nullable(publicKey), null) }),
    most.neighbors,
  ),
  /** The public keys that the YAML has of this node's own probes: its targets have them as peers. */
  keys: withDefault(list(record({ service: name, publicKey }), most.services), []),
})

/** Streams between nodes: which peer is served where. */
const rescue = record({
  listen: record({ address, port }),
  /** Of this node's own certificate, which has its name. */
  caFile: absolutePath,
  certFile: absolutePath,
  keyFile: absolutePath,
  /** All others that serve. */
  nodes: unique(
    list(record({ name, site: name, address, port, services: list(name, most.services) }), most.neighbors),
  ),
  /** Names of nodes, perhaps this one, that pass on what others say. Empty: each node has a stream of each other. */
  relays: list(name, 2),
})

const maintenanceWindow = record({
  /** Five fields of crontab(5). */
  cron: schedule,
  durationMs: durationMs(bounds.maintenance),
  /** A name of the IANA time zone database. */
  timezone,
})

/** The controller's part of a bundle: all its settings, and no secret. */
const manifest = record({
  format: word(1),
  site: name,
  node: name,
  daemon: word(...daemonKinds),
  routing: withDefault(word(...routingWords), 'managed'),
  asn,
  routerId: address,
  paths,
  /** `address:port` pairs of the HTTP listener. */
  listen: list(hostAndPort, 16),
  /** Who may use the listener besides this machine; missing: for reading no one, for orders no one. */
  access: optional(
    record({
      /** Of the page's tokens. */
      tokensFile: nullable(absolutePath),
      tls: nullable(
        record({ certFile: absolutePath, keyFile: absolutePath, clientCaFile: nullable(absolutePath) }),
      ),
      /** Whether other machines read all without a token: in the lab. */
      open: withDefault(yesNo, false),
    }),
  ),
  /** Whether the metrics have each WireGuard peer. */
  peerMetrics: withDefault(yesNo, false),
  neighbors: unique(list(neighbor, most.neighbors)),
  /** `null` if no session validates origins; missing in bundles of Anyward 0.1.0. */
  rpki: optional(nullable(rpki)),
  services: unique(list(service, most.services)),
  /** Whether the daemon's configuration supports degraded announcements. */
  degradable: withDefault(yesNo, false),
  /** The daemon's versions that the configuration is written for; missing in bundles of Anyward 0.1.0. */
  daemonVersions: optional(
    record({ from: nullable(version), below: nullable(version), because: plainText(500) }),
  ),
  /** `null`: the other announcers are counted over iBGP alone. */
  store: withDefault(nullable(store), null),
  /** `null`: the endpoints of other sites are not probed. */
  remote: withDefault(nullable(remote), null),
  /** `null`: no roster of peers is shared. */
  rescue: withDefault(nullable(rescue), null),
  /** Unicast prefixes that the daemon's own configuration announces: the controller leaves them alone. */
  alwaysAnnounce: withDefault(list(prefix, most.prefixes), []),
  /** Configuration of the engineer's own within the daemon's, which only the next plan compares. */
  extra: withDefault(list(record({ file: plainText(1024), at: word(...extraPlaces), hash }), most.files), []),
  /** When the calendar drains the node. */
  maintenance: withDefault(list(maintenanceWindow, 1000), []),
  /** SHA-256, hex, of every other file of the bundle. */
  files: map(fileName, hash, most.files),
})

export type Manifest = Infer<typeof manifest>
export type ManifestNeighbor = Manifest['neighbors'][number]
export type ManifestSession = NonNullable<ManifestNeighbor['session']>
export type ManifestRpki = NonNullable<Manifest['rpki']>
export type ManifestService = Manifest['services'][number]
export type ManifestAccess = NonNullable<Manifest['access']>
export type NodePaths = Manifest['paths']

/** Reads a manifest from parsed JSON, and reports every problem with its place. */
export function readManifestValue(raw: unknown): Read<Manifest> {
  return readShape(manifest, raw)
}

/** `null` if the text is not a manifest. */
export function readManifestText(text: string): Manifest | null {
  return readJson(manifest, text)
}

/** Throws a TypeError of one line where it is none. */
export function requireManifest(raw: unknown): Manifest {
  return requireShape(manifest, raw)
}
