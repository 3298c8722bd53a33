import type { NeighborKind, RoleWord } from '../../manifest/words.ts'

/** The differences between the kinds of neighbors. */
export interface KindPolicy {
  readonly internal: boolean
  readonly noExport: boolean
  /** Our side's role (RFC 9234) unless the YAML says otherwise. */
  readonly role: RoleWord | null
  readonly checksFirstAs: boolean
  readonly checksNextHop: boolean
  readonly checksBogons: boolean
  readonly refusesTier1: boolean
  /** Whether origins are validated (RFC 6811) where the fleet has RPKI caches. */
  readonly validated: boolean
}

const external = {
  internal: false,
  noExport: false,
  checksFirstAs: true,
  checksNextHop: true,
  checksBogons: true,
  refusesTier1: false,
  validated: true,
} as const

export const kindPolicies: Readonly<Record<NeighborKind, KindPolicy>> = {
  transit: { ...external, role: 'customer' },
  peer: { ...external, role: 'peer', refusesTier1: true },
  // The server passes on its clients' routes: it is not in the path, and is not the next hop (RFC 7947).
  'route-server': {
    ...external,
    role: 'rs-client',
    checksFirstAs: false,
    checksNextHop: false,
    refusesTier1: true,
  },
  'provider-private': { ...external, role: 'customer', noExport: true, validated: false },
  // A rack uses private AS numbers and addresses.
  tor: {
    ...external,
    role: null,
    noExport: true,
    checksBogons: false,
    validated: false,
  },
  ibgp: {
    ...external,
    internal: true,
    role: null,
    checksFirstAs: false,
    checksNextHop: false,
    checksBogons: false,
    validated: false,
  },
}
