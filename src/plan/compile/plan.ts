import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { DaemonVersions } from '../../manifest/daemon-versions.ts'
import type { NodePaths } from '../../manifest/manifest.ts'
import type { ImportWord, NeighborKind, RoleWord, RoutingWord } from '../../manifest/words.ts'
import type { Address, Family, Prefix } from '../../net/prefix.ts'
import type { Policy } from '../policy/policy.ts'
import type {
  Bfd,
  Degrade,
  ExtraText,
  Fleet,
  FleetNode,
  MaintenanceWindow,
  Rpki,
  Service,
  SessionTimers,
  Store,
} from '../sites/fleet.ts'
import type { NodeRemote } from './choose-observers.ts'
import type { NodeRescue } from './place-rosters.ts'

/** The intended configuration of every node, as data: render and apply follow. */
export interface Plan {
  /** Sorted by site, then by node. */
  readonly nodes: readonly NodePlan[]
  readonly notices: readonly Notice[]
}

/** A decision of the planner that is not in the YAML, for the report. */
export interface Notice {
  readonly node: string | null
  readonly neighbor: string | null
  readonly message: string
}

export interface NodePlan {
  readonly site: string
  readonly node: string
  readonly daemon: DaemonKind
  /** Those that the configuration is written for. */
  readonly versions: DaemonVersions
  /** FRR: whether an RPKI cache is written with its transport. */
  readonly namesCacheTransport: boolean
  /** A BGP session with BFD starts only when BFD is up. */
  readonly startsBfdFirst: boolean
  /** Whose the daemon's configuration is. */
  readonly routing: RoutingWord
  readonly asn: number
  readonly routerId: string
  readonly layout: NodeLayout
  readonly sessions: readonly SessionPlan[]
  /** `null` where no session validates. */
  readonly rpki: Rpki | null
  /** Sorted by name. */
  readonly services: readonly Service[]
  /** Unicast prefixes that the daemon announces by itself, sorted. */
  readonly alwaysAnnounce: readonly Prefix[]
  /** `null`: none. */
  readonly store: Store | null
  /** `null`: the endpoints of other sites are not probed. */
  readonly remote: NodeRemote | null
  /** `null`: it says nothing of its peers, and learns nothing of the peers of others. */
  readonly rescue: NodeRescue | null
  /** The public keys of its own probes, with or without `remote`. */
  readonly probeKeys: FleetNode['probeKeys']
  /** Configuration of the engineer's own, which the daemon gets as it is. */
  readonly extra: readonly ExtraText[]
  readonly maintenance: readonly MaintenanceWindow[]
  readonly access: Fleet['access']
  readonly peerMetrics: boolean
  /** The keys that may sign the next bundle. */
  readonly plannerKeys: readonly string[]
}

/** Paths on the node, which differ between a real node and the lab. */
export interface NodeLayout {
  readonly paths: NodePaths
  readonly listen: readonly string[]
  /** Whether other machines read what the controller serves without a token: in the lab. */
  readonly isOpen?: boolean
  /** The routing daemon's log file, or `null` for syslog. */
  readonly logFile: string | null
}

export interface SessionPlan {
  readonly neighbor: string
  /** The session's symbol in BIRD, the stem of its list names in FRR. */
  readonly symbol: string
  readonly kind: NeighborKind
  readonly description: string
  readonly asn: number
  /** The AS number of our side; `null`: that of the node. */
  readonly localAs: number | null
  /** `null`: unnumbered, the router on the other end of `interface`. */
  readonly address: Address | null
  readonly localAddress: Address | null
  /** Where the neighbor's address is link-local, or not known. */
  readonly interface: string | null
  /** `null`: the default one. */
  readonly vrf: string | null
  readonly taken: ImportWord
  /** One for each address family that the session carries; IPv4 before IPv6, at least one. */
  readonly channels: readonly SessionChannel[]
  /** Whether a change of the VRPs changes the accepted routes, so that the daemon must re-evaluate the received ones. */
  readonly validated: boolean
  /** Our prefixes that may be advertised to this neighbor, of all its address families, sorted; everything else is denied. */
  readonly exports: readonly Prefix[]
  /** Our side's role (RFC 9234); `null`: no role. */
  readonly role: RoleWord | null
  /** Hops to the neighbor where it is not on the link; `null`: it is. */
  readonly multihop: number | null
  readonly bfd: Bfd | null
  readonly timers: SessionTimers
  /** RFC 5082. */
  readonly gtsm: boolean
  readonly passwordFile: string | null
  readonly degrade: Degrade
  /** Attached, on BIRD: the name of its protocol; `null`: found by the address. */
  readonly protocol: string | null
}

/** What a session carries of one address family. */
export interface SessionChannel {
  readonly family: Family
  readonly import: Policy
  readonly export: Policy
  /** Those of the session, of this family. */
  readonly exports: readonly Prefix[]
}

/** Every import and export policy of the session. */
export function policiesOf({ channels }: SessionPlan): readonly Policy[] {
  return channels.flatMap((channel) => [channel.import, channel.export])
}

/** Whether a rule of it asks for the validation state of a route. */
export function usesVrps(session: SessionPlan): boolean {
  return policiesOf(session).some(({ rules }) =>
    rules.some(({ match }) => match.some(({ type }) => type === 'validation')),
  )
}
