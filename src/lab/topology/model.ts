import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { Address, Family, InterfaceAddress } from '../../net/prefix.ts'

/** The network namespaces and the links between them. The same fleet gives the same topology. */
export interface Topology {
  /** Has a bridge for each link, so that a cut at one end does not change the carrier at the other. */
  readonly fabricNamespace: string
  /** Represents the internet between the sites. */
  readonly coreNamespace: string
  /** The host's own address on the management network, and its length. */
  readonly managementAddress: InterfaceAddress
  readonly nodes: readonly LabNode[]
  readonly routers: readonly LabRouter[]
  readonly clients: readonly LabClient[]
  readonly caches: readonly LabCache[]
  /** Empty without a store. */
  readonly storeMembers: readonly LabStoreMember[]
}

export interface LabNode {
  readonly name: string
  readonly site: string
  readonly daemon: DaemonKind
  /** From 1; names its ports and makes its WireGuard interfaces unique on the machine. */
  readonly index: number
  readonly namespace: string
  /** Its folder's name below the lab's, short enough for Unix sockets. */
  readonly folder: string
  readonly managementAddress: InterfaceAddress
  readonly links: readonly NodeLink[]
  readonly peers: readonly NodePeer[]
}

/** A node's end of a session with another node of the fleet: node -- bridge -- node. */
export interface NodePeer {
  /** The neighbor's name in the YAML of this node. */
  readonly neighbor: string
  readonly node: string
  /** The name of this session in the YAML of the other node. */
  readonly neighborThere: string
  readonly family: Family
  readonly bridge: string
  readonly interface: string
  readonly port: string
  readonly address: Address
  readonly peerAddress: Address
}

/** One session's wire: node -- bridge -- router. */
export interface NodeLink {
  readonly node: string
  /** The neighbor's name in the YAML. */
  readonly neighbor: string
  readonly router: string
  /** Of the addresses. */
  readonly family: Family
  /** Those of the routes that the session carries. */
  readonly families: readonly Family[]
  readonly bridge: string
  readonly nodeInterface: string
  /** The VRF of that interface; `null`: the default one. */
  readonly vrf: string | null
  readonly nodePort: string
  readonly routerInterface: string
  readonly routerPort: string
  readonly nodeAddress: Address
  readonly routerAddress: Address
  /** The session's protocol in the router's BIRD. */
  readonly protocol: string
}

/** A neighbor of one node, or of several nodes of a site. */
export interface LabRouter {
  readonly name: string
  readonly site: string
  readonly asn: number
  readonly address: Address
  readonly index: number
  readonly namespace: string
  readonly folder: string
  readonly links: readonly NodeLink[]
  readonly coreLink: Readonly<Record<Family, PointToPoint>>
}

export interface PointToPoint {
  readonly router: Address
  readonly core: Address
}

export interface LabClient {
  readonly name: string
  readonly site: string
  readonly service: string
  readonly index: number
  readonly namespace: string
  readonly folder: string
  readonly interface: string
  /** The router that connects it; `null`: the core. */
  readonly router: string | null
  /** The wire to that router: its own address and the router's. */
  readonly underlay: Readonly<Record<Family, { readonly client: Address; readonly gateway: Address }>>
  readonly tunnelAddress: InterfaceAddress
  /** The server's address inside the tunnel. */
  readonly server: Address
}

/** An RTR server on the management network, in place of one of the fleet's RPKI caches. */
export interface LabCache {
  readonly name: string
  readonly address: Address
}

/** A member of the fleet's store, on the management network. */
export interface LabStoreMember {
  readonly name: string
  readonly namespace: string
  readonly address: Address
}
