import type { NeighborKind } from '../sites/fleet.ts'

/** What each kind of neighbor is told, and how its session is guarded. */
export interface KindPolicy {
  readonly internal: boolean
  /** Host routes stay inside the site and the AS: nobody beyond would take a /32. */
  readonly exportsHosts: boolean
  readonly noExport: boolean
  /** Whether the session uses GTSM (RFC 5082) unless the YAML says otherwise. */
  readonly gtsm: boolean
}

export const kindPolicies: Readonly<Record<NeighborKind, KindPolicy>> = {
  transit: { internal: false, exportsHosts: false, noExport: false, gtsm: true },
  peer: { internal: false, exportsHosts: false, noExport: false, gtsm: true },
  'route-server': { internal: false, exportsHosts: false, noExport: false, gtsm: false },
  'provider-private': { internal: false, exportsHosts: false, noExport: true, gtsm: false },
  tor: { internal: false, exportsHosts: true, noExport: true, gtsm: true },
  ibgp: { internal: true, exportsHosts: true, noExport: false, gtsm: false },
}
