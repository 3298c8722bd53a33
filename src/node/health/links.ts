import type { LinkSnapshot } from '../../linux/link-snapshot.ts'
import type { CheckName } from '../../manifest/words.ts'
import type { Problem } from './state.ts'

interface LinkRequirements {
  readonly interface: string
  /** Canonical addresses that must be on the node, on any interface. */
  readonly anycast: readonly string[]
  readonly checks: readonly CheckName[]
}

/** The addresses of all interfaces that are up. */
export function presentAddresses(links: LinkSnapshot): ReadonlySet<string> {
  return new Set([...links.values()].flatMap((link) => (link.up ? link.addresses : [])))
}

/**
 * What a service requires and the links lack, or null.
 * @param present the addresses of these links; a caller with many services computes them once
 */
export function findLinkProblem(
  links: LinkSnapshot,
  needs: LinkRequirements,
  present: ReadonlySet<string> = presentAddresses(links),
): Problem | null {
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
    const missing = needs.anycast.filter((address) => !present.has(address))
    if (missing.length > 0) {
      const detail = `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not on this node`
      return { check: 'address', cause: 'address-missing', detail }
    }
  }
  return null
}
