import type { CheckName } from '../sites/fleet.ts'
import type { Problem } from './health.ts'

/** The links of this machine by interface name. */
export type LinkSnapshot = ReadonlyMap<string, LinkState>

export interface LinkState {
  /** Administratively up (IFF_UP). */
  readonly up: boolean
  /** Without their prefix length. */
  readonly addresses: readonly string[]
}

export interface LinkRequirements {
  readonly interface: string
  /** Canonical addresses that must be on the node, on whatever interface. */
  readonly anycast: readonly string[]
  readonly checks: readonly CheckName[]
}

/** What the links lack for a service, or null. */
export function findLinkProblem(links: LinkSnapshot, needs: LinkRequirements): Problem | null {
  if (needs.checks.includes('interface')) {
    const link = links.get(needs.interface)
    if (link === undefined) {
      const detail = `interface ${needs.interface} does not exist`
      return { check: 'interface', cause: 'interface-missing', detail }
    }
    if (!link.up)
      return {
        check: 'interface',
        cause: 'interface-down',
        detail: `interface ${needs.interface} is set down`,
      }
  }
  if (needs.checks.includes('address')) {
    const present = new Set([...links.values()].flatMap((link) => (link.up ? link.addresses : [])))
    const missing = needs.anycast.filter((address) => !present.has(address))
    if (missing.length > 0) {
      const detail = `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not on this node`
      return { check: 'address', cause: 'address-missing', detail }
    }
  }
  return null
}
