import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { ProbeSettings } from '../../manifest/probe.ts'
import type {
  AloneAction,
  BfdHops,
  ExtraPlace,
  FailureAction,
  ImportWord,
  NeighborKind,
  RoleWord,
  RoutingWord,
} from '../../manifest/words.ts'
import type { Community } from '../../net/community.ts'
import type { Address, Family, InterfaceAddress, Prefix } from '../../net/prefix.ts'
import type { PrefixRange } from '../../net/prefix-range.ts'

/** A validated fleet: what the engineers' YAML says, with defaults filled in and every value parsed. */
export interface Fleet {
  /** Our autonomous system number, 1 to 4294967295 (RFC 6793); that of nodes that have no other. */
  readonly asn: number
  /** Bogon ranges that this fleet uses intentionally. */
  readonly bogonsAllowed: readonly Prefix[]
  readonly services: readonly Service[]
  /** Added to every route that leaves the AS. */
  readonly communities: readonly Community[]
  readonly rpki: Rpki | null
  readonly irr: Irr
  /** `null`: the nodes count the other announcers over iBGP. */
  readonly store: Store | null
  /** `null`: no site probes another. */
  readonly remote: Remote | null
  /** `null`: nodes share no roster of their peers. */
  readonly rescue: Rescue | null
  readonly planner: {
    /** Five fields of cron: when the `planner` command reads VRPs and IRR sets and plans again. */
    readonly schedule: string
    /** Lines of `.pub` files. Each node accepts only bundles that one of these keys has signed; empty: also unsigned ones. */
    readonly keys: readonly string[]
  }
  readonly rollout: RolloutSettings
  /** Where each node's controller answers HTTP, as `address:port`. */
  readonly listen: string
  /** Who may use it besides the machine itself. */
  readonly access: Access
  /** Whether the metrics of a node have each WireGuard peer. */
  readonly peerMetrics: boolean
  readonly sites: readonly Site[]
}

export interface RolloutSettings {
  /** In their order. Nodes of none form a last one. */
  readonly waves: readonly WaveSettings[]
  /** How long every node of a wave must be well before the next wave begins. */
  readonly soakMs: number
  readonly via: 'ssh' | 'store'
}

/** Exactly one of `nodes`, `sites` and `share` is set. */
export interface WaveSettings {
  readonly name: string
  readonly nodes: readonly string[] | null
  readonly sites: readonly string[] | null
  /** Of all nodes of the fleet, above 0 and at most 1. */
  readonly share: number | null
}

export interface Service {
  readonly name: string
  /** Host prefixes (/32, /128) that clients connect to. */
  readonly anycast: readonly Prefix[]
  /** The prefixes that leave the AS; each anycast prefix is in one of them. */
  readonly covering: readonly Prefix[]
  /** Added to its routes on every session. */
  readonly communities: readonly Community[]
  readonly wireguard: {
    readonly interface: string
    readonly port: number
    /** The server's public key, base64, the same at every site. */
    readonly publicKey: string
    /** The server's addresses inside the tunnel. */
    readonly addresses: readonly InterfaceAddress[]
  }
  readonly probe: Probe
  /** The action for each severity of failure. */
  readonly when: { readonly dead: FailureAction; readonly impaired: FailureAction }
  readonly drain: Drain
  readonly safety: {
    /** Of the sites that serve it; a share is a number here. */
    readonly minSites: number
    /** What a failure does without the store and without other announcers over iBGP. */
    readonly alone: { readonly dead: AloneAction; readonly impaired: AloneAction }
    readonly onStop: 'withdraw' | 'keep'
    /** How long the announcement outlives a controller that is killed or hangs; `null`: without limit. */
    readonly deadManMs: number | null
  }
}

/** Probes of the nodes that have a unicast address, from other sites. */
export interface Remote {
  readonly intervalMs: number
  /** Sites that probe a node. */
  readonly observers: number
  /** Whether a node degrades what most of them do not reach. */
  readonly degrade: boolean
}

/** Streams between nodes, with the paths of a node's certificate on each. */
export interface Rescue {
  readonly port: number
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

/** Paths on each node. */
interface Access {
  /** Of the tokens for orders; `null`: none is taken. */
  readonly tokensFile: string | null
  /** `null`: other machines speak HTTP, and get what is for strangers. */
  readonly tls: {
    readonly certFile: string
    readonly keyFile: string
    readonly clientCaFile: string | null
  } | null
}

/** etcd, with the paths of a site's certificate on its nodes. */
export interface Store {
  /** As `host:port`. */
  readonly endpoints: readonly string[]
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
  /** Of one node. Follows from the number of nodes. */
  readonly beatEveryMs: number
}

interface Drain {
  /** Traffic has gone when the neighbors have the degraded routes and no peer has sent anything for this time. */
  readonly idleMs: number
  /** Withdrawn after this time, even if traffic remains. */
  readonly limitMs: number
  /** How long the routes stay degraded after `undrain`. */
  readonly undrainMs: number
}

type Egress = NonNullable<ProbeSettings['egress']>

/** As the manifest has it, but with addresses that are parsed. */
export interface Probe extends Omit<ProbeSettings, 'address' | 'egress'> {
  /** The probe's own address inside the tunnel. */
  readonly address: Address
  readonly egress: EgressCheck | null
}

/** Through the probe's own tunnel session, to what lies beyond the gateway. */
export interface EgressCheck extends Omit<Egress, 'targets'> {
  readonly targets: readonly EgressTarget[]
}

export interface EgressTarget extends Omit<Egress['targets'][number], 'address'> {
  readonly address: Address
}

export interface Rpki {
  /** RTR servers (RFC 8210), in order of preference. */
  readonly caches: readonly RtrCache[]
  readonly invalid: 'reject' | 'accept'
  /** The three timers of RFC 8210, section 6, in seconds. */
  readonly refreshS: number
  readonly retryS: number
  readonly expireS: number
  /**
   * What a router does when no cache has answered for `expireS`: accept routes without validation, or use the last
   * good VRPs, which `lastGood` serves.
   */
  readonly atExpiry: 'accept' | 'last-good'
  /** The RTR server `anyward rtr` beside the router. */
  readonly lastGood: RtrCache
  /** A validator's output on the planner's machine, for `preflight`, `planner` and `rtr`; `null`: none. */
  readonly vrps: VrpSource | null
}

export interface RtrCache {
  readonly host: string
  readonly port: number
}

export interface VrpSource {
  /** JSON of rpki-client or Routinator. */
  readonly file: string
  /** Local exceptions (RFC 8416). */
  readonly slurm: string | null
  /** A file older than this is refused. */
  readonly maxAgeMs: number
}

export interface Irr {
  /** The server that bgpq4 queries: `host` or `host:port`; `null`: its own default. */
  readonly server: string | null
  /** IRR databases in order of preference, such as `RIPE`; empty: the server's own choice. */
  readonly sources: readonly string[]
}

export interface Site {
  readonly name: string
  readonly nodes: readonly FleetNode[]
}

/** Configuration of the engineer's own, which the daemon gets as it is. */
export interface ExtraText {
  /** As in the YAML. */
  readonly file: string
  readonly at: ExtraPlace
  /** Whole lines. */
  readonly text: string
}

export interface FleetNode {
  readonly name: string
  readonly daemon: DaemonKind
  /** Whose the daemon's configuration is. */
  readonly routing: RoutingWord
  /** Such as `2.0.12`; `null`: what Debian 13 has. */
  readonly daemonVersion: string | null
  /** Its AS number: its own, that of its site, or that of the fleet. */
  readonly asn: number
  /** Added to the generated configuration, in order. */
  readonly extra: readonly ExtraText[]
  /** BGP identifier, dotted quad (RFC 6286). */
  readonly routerId: string
  /** Its name for ssh. */
  readonly ssh: string
  /** Where other sites reach its WireGuard endpoint; `null`: they do not probe it. */
  readonly unicast: Address | null
  /** The public keys of its own probes, base64, as far as the YAML has them: the nodes that it probes have them as peers. */
  readonly probeKeys: readonly { readonly service: string; readonly publicKey: string }[]
  /** Names of the services that this node serves. */
  readonly services: readonly string[]
  /** Unicast prefixes that the daemon announces by itself; they overlap none of a service. */
  readonly alwaysAnnounce: readonly Prefix[]
  readonly neighbors: readonly Neighbor[]
  /** The site's windows and the node's own. */
  readonly maintenance: readonly MaintenanceWindow[]
}

/** The node is drained from each time that `cron` names, for `durationMs`. */
export interface MaintenanceWindow {
  /** Five fields of crontab(5). */
  readonly cron: string
  readonly durationMs: number
  /** A name of the IANA time zone database. */
  readonly timezone: string
}

/** The import settings of each kind of neighbor, the default first. */
export const importsByKind: Readonly<Record<NeighborKind, readonly [ImportWord, ...ImportWord[]]>> = {
  transit: ['full', 'default-only', 'nothing'],
  peer: ['full', 'nothing'],
  'route-server': ['full', 'nothing'],
  'provider-private': ['nothing', 'default-only'],
  tor: ['nothing', 'default-only'],
  ibgp: ['own-prefixes', 'default-only', 'nothing'],
}

/** Whether host routes are advertised to each kind: they stay inside the site and the AS, because other networks do not accept a /32. */
export const hostRoutesByKind: Readonly<Record<NeighborKind, boolean>> = {
  transit: false,
  peer: false,
  'route-server': false,
  'provider-private': false,
  tor: true,
  ibgp: true,
}

/** Default maximum prefixes of a neighbor with `import: full`. */
export const importLimits: Readonly<Record<NeighborKind, Readonly<Record<Family, number>>>> = {
  transit: { ipv4: 1_500_000, ipv6: 400_000 },
  peer: { ipv4: 1000, ipv6: 1000 },
  'route-server': { ipv4: 300_000, ipv6: 300_000 },
  'provider-private': { ipv4: 10, ipv6: 10 },
  tor: { ipv4: 10, ipv6: 10 },
  ibgp: { ipv4: 10, ipv6: 10 },
}

/** What our side can be to each kind of neighbor; iBGP has no roles (RFC 9234, section 4). */
export const rolesByKind: Readonly<Record<NeighborKind, readonly (RoleWord | 'none')[]>> = {
  transit: ['customer', 'none'],
  peer: ['peer', 'none'],
  'route-server': ['rs-client', 'none'],
  'provider-private': ['customer', 'none'],
  tor: ['none', 'customer', 'provider', 'peer'],
  ibgp: [],
}

/** The rules of a route policy that `relax` can remove; the others define the kind. */
export const relaxableRules = [
  'own-prefix',
  'bogon-prefix',
  'global-unicast',
  'prefix-length',
  'path-length',
  'as-set',
  'first-as',
  'other-own-asn',
  'bogon-asn',
  'tier-1-leak',
  'next-hop',
  'denied-prefix',
  'denied-asn',
  'only-prefixes',
  'irr',
  'rpki-invalid',
  'rpki-not-found',
  'own-origin-invalid',
] as const
export type RelaxableRule = (typeof relaxableRules)[number]

export interface Neighbor {
  readonly name: string
  readonly kind: NeighborKind
  readonly asn: number
  /** The AS number that the session has on our side; `null`: that of the node. */
  readonly localAs: number | null
  /** `null`: unnumbered, the router on the other end of `interface`. */
  readonly address: Address | null
  readonly localAddress: Address | null
  /** The interface that the neighbor is on: where its address is link-local, or not known. */
  readonly interface: string | null
  /** The VRF that it is in; `null`: the default one. */
  readonly vrf: string | null
  /** Whether an IPv6 session carries IPv4 routes too, with IPv6 next hops (RFC 8950). */
  readonly extendedNextHop: boolean
  readonly description: string | null
  readonly import: ImportWord
  /** Maximum prefixes accepted, at least 1. `null`: not set in the YAML, so the default for the kind applies. */
  readonly limit: number | null
  /** Ids of the rules that do not apply to this neighbor. */
  readonly relax: readonly RelaxableRule[]
  readonly tighten: Tighten
  /** The prefixes that this neighbor may send, from the IRR; `null`: no filter. */
  readonly irr: IrrFilter | null
  /** Names of the node's services that are advertised to it; `null`: all. */
  readonly services: readonly string[] | null
  /** Added to the routes advertised to this neighbor, in addition to those of the fleet and of the services. */
  readonly communities: readonly Community[]
  /** How many times our AS number is prepended to every announcement; 0 towards iBGP. */
  readonly prepend: number
  /** MULTI_EXIT_DISC of every announcement (RFC 4271, section 5.1.4); `null`: not set. */
  readonly med: number | null
  /** LOCAL_PREF of the routes accepted from it (RFC 4271, section 5.1.5); `null`: the daemon's default, 100. */
  readonly localPref: number | null
  /** Whether host routes are advertised to it. `null`: not set in the YAML, so the kind's default applies. */
  readonly hostRoutes: boolean | null
  /** Whether routes to it carry NO_EXPORT. `null`: not set in the YAML, so the kind's default applies. */
  readonly noExport: boolean | null
  /** RFC 9234. `null`: not set in the YAML, so the kind's default applies. */
  readonly role: RoleWord | 'none' | null
  /** Hops to an eBGP neighbor that is not on the link, 2 to 255; `null`: it is on the link. */
  readonly multihop: number | null
  readonly bfd: Bfd | null
  readonly timers: SessionTimers
  /** RFC 5082. */
  readonly gtsm: boolean
  /** TCP MD5 (RFC 2385): a file on the node that holds the password. */
  readonly passwordFile: string | null
  /** How a degraded announcement is made less attractive to this neighbor. */
  readonly degrade: Degrade
  /** The name of its protocol in the engineer's own configuration of BIRD; `null`: found by the address. */
  readonly session: string | null
}

/** RFC 5880. */
export interface Bfd {
  readonly intervalMs: number
  readonly multiplier: number
  readonly hops: BfdHops
}

/** The address families that a session carries: that of its addresses, and IPv4 with IPv6 next hops. IPv4 comes first. */
export function familiesOf({
  address,
  extendedNextHop,
}: Pick<Neighbor, 'address' | 'extendedNextHop'>): readonly Family[] {
  if (address?.family === 'ipv4') return ['ipv4']
  return extendedNextHop ? ['ipv4', 'ipv6'] : ['ipv6']
}

/** The AS number that the session has on our side. */
export function ourAsnIn({ localAs }: Pick<Neighbor, 'localAs'>, node: Pick<FleetNode, 'asn'>): number {
  return localAs ?? node.asn
}

/** RFC 4271, section 10. */
export interface SessionTimers {
  /** At least 3. */
  readonly holdS: number
  /** At most a third of `holdS`. */
  readonly keepaliveS: number
}

export interface Degrade {
  /** GRACEFUL_SHUTDOWN (RFC 8326); towards iBGP also LOCAL_PREF 0. */
  readonly gracefulShutdown: boolean
  /** How many times our AS number is prepended, in addition to the neighbor's `prepend`; 0 towards iBGP. */
  readonly prepend: number
  /** MULTI_EXIT_DISC (RFC 4271, section 5.1.4) instead of the neighbor's `med`; `null`: unchanged. */
  readonly med: number | null
}

/** Filters of one neighbor that are stricter than the defaults. */
interface Tighten {
  /** The longest path accepted, 1 to 64; `null`: 64. */
  readonly pathLength: number | null
  /** `reject` also refuses routes that no VRP covers (RFC 6811: NotFound). */
  readonly notFound: 'accept' | 'reject'
  /** If set, only these are accepted. */
  readonly onlyPrefixes: readonly PrefixRange[] | null
  readonly rejectPrefixes: readonly PrefixRange[]
  /** AS numbers that are refused anywhere in the path. */
  readonly rejectAsns: readonly number[]
}

export type IrrFilter =
  | { readonly type: 'as-set'; readonly asSet: string }
  /** The routes whose origin it is. */
  | { readonly type: 'asn'; readonly asn: number }
  | { readonly type: 'route-set'; readonly routeSet: string }
  /** Prefixes or prefix ranges, one per line, or bgpq4's JSON, on the planner's machine. */
  | { readonly type: 'file'; readonly file: string }
