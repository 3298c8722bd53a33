/** The routing daemons that Anyward can use. */
export const daemonKinds = ['bird', 'frr'] as const
export type DaemonKind = (typeof daemonKinds)[number]

interface DaemonNames {
  /** As its project writes it. */
  readonly project: string
  /** The process that speaks BGP, as the kernel and messages name it. */
  readonly process: string
  /** Its file in a bundle. */
  readonly configFile: string
  /** The user that it runs as and that owns its files, in Debian's package. */
  readonly user: string
  /** The group that may use its socket, in Debian's package. */
  readonly socketGroup: string
}

/** The file of an attached node's bundle: filters that the engineer's own configuration can call. */
export const filtersFile = 'anyward.conf'

export const daemonNames: Readonly<Record<DaemonKind, DaemonNames>> = {
  bird: { project: 'BIRD', process: 'bird', configFile: 'bird.conf', user: 'bird', socketGroup: 'bird' },
  frr: { project: 'FRR', process: 'bgpd', configFile: 'frr.conf', user: 'frr', socketGroup: 'frrvty' },
}

interface DaemonTraits {
  /** Whether it names a session by a symbol, not by the neighbor's address. */
  readonly namesSessions: boolean
  /** Why a session cannot have both GTSM and BFD; `null`: it can. */
  readonly gtsmExcludesBfd: string | null
  /** The TTL of its packets of multihop BFD. Some routers accept only those that fit their number of hops from 255. */
  readonly multihopBfdTtl: number
  /** Whether a route of a covered prefix is invalid if its path ends in an AS_SET (RFC 6811, section 2). */
  readonly refusesSetOrigins: boolean
  /** Whether a filter does not see the IPv6 next hops of IPv4 routes (RFC 8950), except for one that it names. */
  readonly hidesNextHops: boolean
  /** Why ONLY_TO_CUSTOMER (RFC 9234) does not have the AS number of a session with `localAs`; `null`: it has. */
  readonly marksWithRouterAsn: string | null
}

export const daemonTraits: Readonly<Record<DaemonKind, DaemonTraits>> = {
  bird: {
    namesSessions: true,
    gtsmExcludesBfd: null,
    multihopBfdTtl: 64,
    refusesSetOrigins: true,
    hidesNextHops: false,
    marksWithRouterAsn: null,
  },
  frr: {
    namesSessions: false,
    // It counts a session with ttl-security as multihop, and speaks BFD on UDP 4784.
    gtsmExcludesBfd:
      'FRR 8.4 makes BFD a multihop session (RFC 5883), which a directly connected neighbor never answers',
    multihopBfdTtl: 255,
    refusesSetOrigins: false,
    hidesNextHops: true,
    marksWithRouterAsn: 'FRR marks our routes with the AS number of the node',
  },
}
