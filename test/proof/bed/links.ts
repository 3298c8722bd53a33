import { isLinkLocal as isLinkLocalAddress, parseAddress } from '../../../src/net/prefix.ts'

/** Interfaces of the node, each with one of the same name at the other end. */
export const nodeLinks = ['pf', 'pf2', 'pf3', 'pf4', 'pf5', 'pf6', 'pf7'] as const
/** The node's end of the first link. */
export const nodeAddresses = { ipv4: '10.77.0.1', ipv6: 'fd77::1' } as const
/** The node's end of each link. */
export const nodeLinkLocal = 'fe80::7'
/** Of the neighbors' side and no session's. */
export const otherLinkLocal = 'fe80::99'
/** The address of the RTR cache. */
export const cacheAddress = '10.77.0.2'
/** A link of the default VRF, where those above are in another. */
export const defaultVrfLink = { link: 'pfd', node: '10.78.0.1', opposite: '10.78.0.2' } as const

export function isLinkLocal(text: string): boolean {
  const parsed = parseAddress(text)
  return parsed.ok && isLinkLocalAddress(parsed.value)
}
