import type { Endpoint, RosterClaim } from '../../fleet/roster/link.ts'
import { isUnicast } from '../../net/bogons.ts'
import { type Address, parseAddress, prefixFrom } from '../../net/prefix.ts'

export interface RosterEntry extends RosterClaim {
  /** That has said it. */
  readonly node: string
  readonly site: string
}

const noClientHasIt = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '::1/128',
  '::ffff:0:0/96',
  'fe80::/10',
].map(prefixFrom)

/**
 * Whether a client can have it. An IPv4 address that is mapped into IPv6 is refused too: no packet has it as its source
 * (RFC 4291, section 2.5.5.2), and nftables would never match it.
 */
export function isEndpoint({ address, port }: Endpoint): boolean {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return false
  const parsed = parseAddress(address)
  return parsed.ok && parsed.value.toString() === address && isClientAddress(parsed.value)
}

/** As one text, of which each endpoint has exactly one. */
export function endpointKey({ address, port }: Endpoint): string {
  return `${address} ${port}`
}

function isClientAddress(address: Address): boolean {
  return isUnicast(address) && !noClientHasIt.some((range) => range.contains(address))
}
