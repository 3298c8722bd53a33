import type { Address, InterfaceAddress, Prefix } from '../net/prefix.ts'

/** A validated fleet: what the engineers' YAML says, with defaults filled in and every value parsed. */
export interface Fleet {
  /** Our autonomous system number, 1 to 4294967295 (RFC 6793). */
  readonly asn: number
  /** Bogon ranges that this fleet uses on purpose. */
  readonly bogonsAllowed: readonly Prefix[]
  readonly services: readonly Service[]
  readonly rpki: Rpki | null
  /** Where each node's controller answers /healthz, /status and /metrics, as `address:port`. */
  readonly listen: string
  readonly sites: readonly Site[]
}

export interface Service {
  readonly name: string
  /** Host prefixes (/32, /128) that clients dial. */
  readonly anycast: readonly Prefix[]
  /** What leaves the AS; each anycast prefix lies in one of them. */
  readonly covering: readonly Prefix[]
  readonly wireguard: {
    readonly interface: string
    readonly port: number
    /** The server's public key, base64, the same at every site. */
    readonly publicKey: string
    /** The server's addresses inside the tunnel. */
    readonly addresses: readonly InterfaceAddress[]
  }
  readonly probe: Probe
  readonly safety: { readonly minSites: number; readonly onStop: 'withdraw' | 'keep' }
}

export const checkNames = ['interface', 'address', 'handshake', 'ping'] as const
export type CheckName = (typeof checkNames)[number]

export interface Probe {
  /** The probe peer's private key, as `wg genkey` writes it. */
  readonly privateKeyFile: string
  readonly presharedKeyFile: string | null
  /** The probe's own address inside the tunnel. */
  readonly address: Address
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Good probes in a row until an unhealthy endpoint is healthy. */
  readonly rise: number
  /** Bad probes in a row until a healthy endpoint is unhealthy. */
  readonly fall: number
  readonly checks: readonly CheckName[]
}

export interface Rpki {
  readonly caches: readonly { readonly host: string; readonly port: number }[]
  readonly invalid: 'reject' | 'accept'
}

export interface Site {
  readonly name: string
  readonly nodes: readonly FleetNode[]
}

export interface FleetNode {
  readonly name: string
  readonly daemon: 'bird' | 'frr'
  /** BGP identifier, dotted quad (RFC 6286). */
  readonly routerId: string
  /** Names of the services that this node serves. */
  readonly services: readonly string[]
  readonly neighbors: readonly Neighbor[]
}

export const neighborKinds = ['transit', 'peer', 'route-server', 'provider-private', 'tor', 'ibgp'] as const
export type NeighborKind = (typeof neighborKinds)[number]

export interface Neighbor {
  readonly name: string
  readonly kind: NeighborKind
  readonly asn: number
  readonly address: Address
  readonly localAddress: Address | null
  readonly description: string | null
  /** What the node takes from this neighbor. */
  readonly import: 'nothing' | 'default-only'
  readonly bfd: { readonly intervalMs: number; readonly multiplier: number } | null
  /** RFC 5082. `null`: not said in the YAML, so the planner's default for the kind holds. */
  readonly gtsm: boolean | null
  /** TCP MD5 (RFC 2385): a file on the node that holds the password. */
  readonly passwordFile: string | null
}
